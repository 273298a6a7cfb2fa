// One product in the grid: its pictures, its name, whether it is chosen and what was decided.

import { reasonWords, SMALL } from "../constants.js";
import { h, icon } from "../dom.js";
import { doubtOf, foundAfterApproval, samePictures } from "../doubt.js";
import { image } from "../picture_image.js";
import { at } from "../place.js";
import { money, numberOf, verdict } from "../words.js";

export class Tile {
  #listed;

  /** `listed` is the status that the grid lists; `choose(id, event)` is called when the box is clicked. */
  constructor(product, { listed, decidable, choose }) {
    this.#listed = listed;
    this.box = h("input", {
      type: "checkbox",
      class: "tile-box",
      autocomplete: "off",
      hidden: !decidable,
      disabled: !decidable,
    });
    this.box.addEventListener("click", (event) => choose(this.product.id, event));
    this.facts = h("span", { class: "tile-facts" });
    this.pictures = h("span", { class: "tile-pictures" });
    this.label = h("label", { class: "tile-label" }, this.box, this.pictures, this.facts);
    this.link = h("a", { class: "tile-link", title: "All about this product" }, icon("link"));
    this.warned = h(
      "button",
      { type: "button", class: "warned", onclick: () => this.#openWarnings(this.warnings.hidden) },
      icon("warning"),
    );
    this.warnings = h("p", { class: "tile-warnings" });
    this.element = h(
      "li",
      { class: "tile", data: { id: product.id } },
      this.label,
      this.warned,
      this.link,
      this.warnings,
    );
    this.#openWarnings(false);
    this.show(product);
  }

  /** Draw the product, unless a newer version is shown; true when these are other pictures. */
  show(product) {
    const before = this.product;
    if (before && before.version >= product.version) return false;
    this.product = product;
    this.pictures.style.setProperty("--across", Math.ceil(Math.sqrt(product.images.length + 1)));
    this.pictures.replaceChildren(
      h("span", { class: "tile-picture raw" }, image(product.normalised, SMALL, "", { loading: "lazy" })),
      ...product.images.map((picture) =>
        h(
          "span",
          { class: product.status === "rejected" ? "tile-picture" : `tile-picture is-${picture.status}` },
          image(
            picture,
            SMALL,
            picture.status === "rejected" ? `picture ${numberOf(picture)} rejected` : "",
            { loading: "lazy" },
          ),
        ),
      ),
    );
    this.link.href = at(`/products/${product.id}`);
    this.link.setAttribute("aria-label", `Open ${nameOf(product)} #${product.id}`);
    this.#showWarnings();
    this.#showFacts(verdict(product));
    return before !== undefined && (before.round !== product.round || !samePictures(before, product));
  }

  #showWarnings() {
    const { product } = this;
    const words = warningsOf(product);
    this.warned.hidden = !words;
    this.warned.title = words;
    this.warned.setAttribute("aria-label", `Warnings of ${nameOf(product)} #${product.id}`);
    this.warnings.textContent = words;
    if (!words) this.#openWarnings(false);
  }

  #openWarnings(open) {
    this.warnings.hidden = !open;
    this.warned.setAttribute("aria-expanded", String(open));
  }

  #showFacts(words) {
    const { product } = this;
    const status = product.status === this.#listed && !this.waiting ? null : words;
    const found = foundAfterApproval(product).length;
    this.facts.replaceChildren(
      tileName(product),
      ...(found ? [h("span", { class: "tile-found badge bad" }, foundLater(found))] : []),
      h(
        "span",
        { class: "tile-end" },
        warningsOf(product) && h("span", { class: "unseen" }, "Has a warning"),
        status ? h("span", { class: "badge" }, status) : h("span", {}, money(product.price)),
      ),
    );
  }

  /** Load its pictures again that could not be loaded; returns whether any are not here yet. */
  reloadLost() {
    const lost = [...this.pictures.querySelectorAll("[data-lost], [data-retried]")];
    for (const element of lost) element.dispatchEvent(new Event("retry"));
    return lost.length > 0;
  }

  choose(on) {
    this.box.checked = on;
    this.element.toggleAttribute("data-chosen", on);
  }

  /** Decided here, not yet saved. */
  decided(words) {
    this.waiting = words !== null;
    this.element.toggleAttribute("data-decided", this.waiting);
    this.#showFacts(words ?? verdict(this.product));
  }
}

/** What speaks against its pictures, a line for each; empty where nothing does. */
function warningsOf({ warning, images }) {
  const doubts = images.filter(doubtOf).map((picture) => `Picture ${numberOf(picture)}: ${doubtOf(picture)}`);
  return [warning, ...doubts].filter(Boolean).join("\n");
}

const foundLater = (n) => `Approved, but the check found a change${n > 1 ? `: ${n}` : ""}`;

const nameOf = ({ sku, name, category }) => sku ?? name ?? category;

/** The SKU, name or category, and the number; then the view, why it is rejected, the name and category. */
function tileName(product) {
  const name = nameOf(product);
  const reasons = new Set(product.images.map((picture) => picture.reason).filter(Boolean));
  const more = [
    product.view,
    [...reasons].map(reasonWords).join(", "),
    ...[product.name, product.category].filter((fact) => fact !== name),
  ].filter(Boolean);
  return h(
    "span",
    { class: "tile-name" },
    h("span", { class: "tile-title" }, h("strong", {}, name), h("span", {}, `#${product.id}`)),
    more.length > 0 && h("span", { class: "tile-more", title: more.join(" · ") }, more.join(" · ")),
  );
}
