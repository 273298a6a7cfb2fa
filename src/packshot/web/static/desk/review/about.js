// The panel's texts about the product and the selected picture.

import { asked } from "../adjustments.js";
import { h, icon, key, press, warning } from "../dom.js";
import { doubtOf } from "../doubt.js";
import { aboutFidelity } from "../fidelity.js";
import { aboutLock } from "../pixel_lock.js";
import { at, comeBackTo } from "../place.js";
import { money, promptWords, STATUS } from "../words.js";

/** The product: its name, SKU and prices, as far as they are known. `decision` is what was decided here. */
export function aboutProduct(product, decision, views) {
  const title = product.name ?? product.sku ?? product.category;
  return [
    h(
      "div",
      { class: "about-line" },
      h("h2", { title }, title),
      h(
        "a",
        {
          class: "number-link",
          href: at(`/products/${product.id}`),
          title: "All rounds, prompts and history",
          onclick: () => comeBackTo(product.id),
        },
        `#${product.id}`,
        icon("link"),
      ),
    ),
    identity(product, title),
    views,
    price(product),
    badge(product, decision),
    product.instructions && h("p", { class: "words" }, `“${product.instructions}”`),
    product.adjustments.length > 0 && h("p", { class: "words" }, asked(product.adjustments)),
    product.warning && warning(product.warning),
  ].filter(Boolean);
}

/** The facts that are not in the title: the SKU and the category. */
function identity({ sku, category }, title) {
  const more = [sku, category].filter((text) => text && text !== title);
  return more.length > 0 && h("p", { class: "identity" }, more.join(" · "));
}

/** Which view of its SKU it is, a button to the next, and other products that show the same. */
export function viewLine(place, total, same, next) {
  const words = total > 1 && h("span", {}, `View ${place} of ${total}`);
  const way = h(
    "button",
    { type: "button", class: "button small", "aria-keyshortcuts": "N", onclick: press(next) },
    h("span", {}, "Next view"),
    key("N"),
  );
  const doubles = same.map(({ id }) => h("a", { href: at(`/products/${id}`) }, `#${id}`));
  const links = doubles.flatMap((link, place) => (place ? [", ", link] : [link]));
  return [
    words && h("p", { class: "view-line" }, words, way),
    links.length > 0 && warning("Shows the same as ", ...links),
  ].filter(Boolean);
}

function price({ price: now, mrp, round }) {
  const cut = now !== null && mrp > now ? Math.round((1 - now / mrp) * 100) : 0;
  const parts = [
    now !== null && h("strong", {}, money(now)),
    cut > 0 && h("s", {}, money(mrp)),
    cut > 0 && h("span", {}, `${cut}% off`),
    round > 1 && h("span", { class: "badge" }, `Round ${round}`),
  ].filter(Boolean);
  return parts.length > 0 && h("p", { class: "price" }, parts);
}

function badge(product, decision) {
  const words = decision ?? (product.status === "pending_review" ? null : STATUS[product.status]);
  if (!words) return null;
  const kind = /^approved/i.test(words) ? "good" : /^reject/i.test(words) ? "bad" : "";
  return h("p", { class: `badge big ${kind}` }, words);
}

/** The selected picture: its doubts, and its prompt. Its title is below it. */
export function aboutPicture(picture, prompt) {
  const doubt = doubtOf(picture);
  return [
    doubt && warning(doubt),
    aboutFidelity(picture),
    aboutLock(picture),
    picture.prompt && promptOf(picture, prompt),
  ].filter(Boolean);
}

/** `prompt.open` is whether the reviewer wants to see prompts. */
function promptOf(picture, prompt) {
  const details = h(
    "details",
    { class: "prompt", open: prompt.open },
    h("summary", {}, promptWords(picture)),
    h("p", {}, picture.prompt),
  );
  details.addEventListener("toggle", () => {
    prompt.open = details.open;
  });
  return details;
}
