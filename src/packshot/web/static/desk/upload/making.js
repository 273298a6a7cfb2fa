// One product while its pictures are made.

import { SMALL } from "../constants.js";
import { h, icon } from "../dom.js";
import { image, rawPicture } from "../picture_image.js";
import { at } from "../place.js";
import { nameOf, STATUS } from "../words.js";

export const isDone = (product) => product.status !== "pending";
export const wantedOf = (product) => (isDone(product) ? product.images.length : (product.wanted ?? 3));

/** The raw photo, and a place for each picture. */
export function progressCard(product) {
  return h(
    "li",
    { class: "making-card", data: { status: product.status } },
    h(
      "p",
      { class: "making-name" },
      h("a", { href: at(`/products/${product.id}`) }, headingOf(product)),
      h("span", { class: `badge ${kindOf(product)}` }, statusWords(product)),
    ),
    h(
      "div",
      { class: "slots" },
      h("span", { class: "slot raw" }, image(rawPicture(product), SMALL, `${product.category}, raw photo`)),
      Array.from({ length: product.wanted ?? 3 }, (_, variant) => slot(product, variant)),
    ),
    product.error ? h("p", { class: "row-error" }, icon("warning"), h("span", {}, product.error)) : null,
  );
}

const headingOf = (product) => {
  const name = nameOf(product.id, product);
  return product.sku ? name : `${product.category} ${name}`;
};

function slot(product, variant) {
  const picture = product.images.find((one) => one.variant === variant);
  const title = picture?.title || `picture ${variant + 1}`;
  if (picture) return h("span", { class: "slot" }, image(picture, SMALL, `${product.category}, ${title}`));
  const words = isDone(product) ? "No picture" : "Not made yet";
  const kind = isDone(product) ? "slot none" : "slot waiting";
  return h("span", { class: kind }, h("span", { class: "unseen" }, words));
}

const kindOf = (product) => ({ failed: "bad", pending: "" })[product.status] ?? "good";

function statusWords(product) {
  const progress = `${product.images.length} of ${product.wanted ?? 3}`;
  if (product.status === "pending") return product.attempts ? `Working, ${progress}` : "Waiting";
  return product.status === "pending_review" ? "Ready" : STATUS[product.status];
}
