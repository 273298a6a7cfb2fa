// The other views of a product's SKU, as its page lists them.

import { SMALL } from "../constants.js";
import { h, warning } from "../dom.js";
import { image, rawPicture } from "../picture_image.js";
import { at } from "../place.js";
import { duplicatesOf } from "../views.js";
import { count, STATUS } from "../words.js";

/** All views of the product's SKU, in their order; and which of them show the same side. */
export function skuViews(product, siblings) {
  if (siblings.length < 2) return null;
  const same = duplicatesOf(product.id, siblings).map(({ id }) => `#${id}`);
  return h(
    "section",
    { class: "sku-views", "aria-label": "Views" },
    h("h2", {}, `${count(siblings.length)} views of ${product.sku}`),
    same.length > 0 && warning(`Shows the same as ${same.join(", ")}`),
    h(
      "ul",
      { class: "view-list" },
      siblings.map((other) => viewLink(other, product)),
    ),
  );
}

function viewLink(other, product) {
  const current = other.id === product.id ? "page" : null;
  const picture = other.images[0] ?? rawPicture(other);
  return h(
    "li",
    {},
    h(
      "a",
      { href: at(`/products/${other.id}`), "aria-current": current },
      h("span", { class: "view-picture" }, image(picture, SMALL, "", { loading: "lazy" })),
      h("span", {}, other.view ?? `#${other.id}`),
      h("span", { class: "hint" }, STATUS[other.status]),
    ),
  );
}
