// A picture as an <img>: the addresses of its previews and of its original.

import { LARGE, SMALL } from "./constants.js";
import { h, icon } from "./dom.js";
import { at } from "./place.js";

/** A picture's address for a size: SMALL, LARGE or "original". */
export function address(picture, size) {
  if (!picture) return null;
  return (size === "original" ? picture.media_url : picture.previews?.[size]) ?? picture.media_url;
}

/**
 * An <img> with a message (`data-lost`) when neither preview nor original loads; `retry` there loads it again, and
 * until it is here it has `data-retried`. With `fits`, in CSS pixels, the smaller preview is used where it is large
 * enough.
 */
export function image(picture, size, alt, { fits = null, ...more } = {}) {
  const first = address(picture, size);
  if (!first)
    return h(
      "span",
      { class: "no-picture" },
      picture?.removed_at ? "Removed to save space" : "No picture yet",
    );
  const element = h("img", { alt, decoding: "async", draggable: "false", ...more });
  element.addEventListener("error", () => {
    const last = address(picture, "original");
    if (element.getAttribute("src") !== last) showOriginal(element, last);
    else element.replaceWith(lost);
  });
  const lost = h(
    "span",
    { class: "no-picture", data: { lost: "" } },
    icon("warning"),
    "This picture can't be loaded",
  );
  element.addEventListener("load", () => delete element.dataset.retried);
  lost.addEventListener("retry", () => {
    lost.replaceWith(element);
    element.dataset.retried = "";
    element.loading = "eager"; // it may be out of sight by now
    element.src = first;
  });
  if (fits && picture.previews?.[SMALL]) {
    element.sizes = `${fits}px`;
    element.srcset = sourceSet(picture);
  }
  element.src = first;
  return element;
}

/** The `srcset` of a picture's previews. */
export const sourceSet = (picture) =>
  [SMALL, LARGE].map((side) => `${address(picture, side)} ${side}w`).join(", ");

/** Show the original in place of a preview. */
export function showOriginal(element, url) {
  element.removeAttribute("srcset");
  element.src = url;
}

/** The raw photo: the normalised copy, or before there is one, the upload. */
export function rawPicture(product) {
  if (product.normalised) return product.normalised;
  const media = at("/media/");
  if (!product.raw_image.startsWith(`${media}uploads/`)) return null;
  const key = product.raw_image.slice(media.length);
  return {
    media_url: product.raw_image,
    previews: Object.fromEntries([SMALL, LARGE].map((side) => [side, `${media}previews/${key}-${side}.jpg`])),
  };
}
