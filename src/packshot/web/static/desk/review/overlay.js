// The raw photo over a picture: its product covers the picture's where the check measured the placement.

import { LARGE } from "../constants.js";
import { h } from "../dom.js";
import { image, rawPicture } from "../picture_image.js";

/** The photo; null where there is none. */
export function overlay(product, fits) {
  const photo = rawPicture(product);
  if (!photo) return null;
  const shown = image(photo, LARGE, "", { decoding: "sync", fits });
  return h("div", { class: "over" }, h("div", { class: "over-picture" }, shown));
}

/** The badge of a picture whose photo can't be aligned; only the modes that overlay them show it. */
export const unaligned = (picture) => {
  const title = "The check did not measure where the photo's product is in this picture";
  return placementOf(picture) ? null : h("span", { class: "badge unaligned", title }, "Photo not aligned");
};

const placementOf = ({ fidelity, width, height }) => (width && height && fidelity?.placement) || null;

/** Lay the photo's product over that of the frame's picture, as `fidelity.placement` says. */
export function align(frame, picture) {
  const over = frame.querySelector(".over");
  const placement = placementOf(picture);
  frame.toggleAttribute("data-aligned", Boolean(placement));
  if (!over || !placement) return;
  const [left, top, right, bottom] = placement.box;
  over.dataset.enlarged = Math.max(right - left, bottom - top);
  const style = {
    "--ratio": picture.width / picture.height,
    "--left": percent(left),
    "--top": percent(top),
    "--width": percent(right - left),
    "--height": percent(bottom - top),
    "--turned": `${placement.degrees}deg`,
  };
  for (const [name, value] of Object.entries(style)) over.style.setProperty(name, value);
}

const percent = (share) => `${share * 100}%`;
