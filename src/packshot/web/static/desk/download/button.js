// The grid's button that downloads what is approved: of the chosen products, or of all that are shown.

import { button, h, press } from "../dom.js";
import { toast } from "../toast.js";
import { count, many } from "../words.js";
import { download, MAX_NAMED } from "./dialog.js";

/** Filters that an export has too. With another one, only chosen products can be downloaded. */
const EXPORTED = new Set(["status", "batch", "category", "sku", "order"]);

export class DownloadButton {
  /** `chosen()` gives the products that are chosen. */
  constructor({ filters, state }, chosen) {
    this.filters = filters;
    this.chosen = chosen;
    this.narrowed = Object.keys(filters).some((name) => !EXPORTED.has(name));
    this.button = button("Download approved", {
      icon: "download",
      kind: "small",
      onclick: press(() => this.#download()),
    });
    this.element = h("div", { class: "heading-actions" }, this.button);
    this.show(state);
  }

  /** Say how many products it is about. */
  show(state = this.state) {
    this.state = state;
    const { n } = this.#asked();
    this.button.disabled = n === 0;
    this.button.title = n ? "" : this.#whyNone();
    this.button.querySelector("span").textContent = n ? `Download ${count(n)} approved` : "Download approved";
  }

  #asked() {
    const chosen = this.chosen();
    const ids = chosen.filter((product) => product?.status === "approved").map((product) => product.id);
    if (chosen.length) return { ids, n: ids.length };
    return { ids: null, n: this.narrowed ? 0 : (this.state.statuses.approved ?? 0) };
  }

  #whyNone() {
    if (this.chosen().length) return "None of the chosen products is approved";
    if (this.narrowed) return "Choose approved products first: a search is not exported";
    return "Nothing here is approved yet";
  }

  #download() {
    const { ids, n } = this.#asked();
    if (ids?.length > MAX_NAMED)
      return toast(`At most ${count(MAX_NAMED)} chosen products at once: filter by batch or SKU instead.`);
    if (ids)
      return download({ products: ids.join(",") }, `The approved pictures of ${many(n, "chosen product")}.`);
    const { batch, category, sku } = this.filters;
    const where = [sku && `of ${sku}`, category && `in ${category}`, batch && "of this batch"];
    const words = ["The approved pictures of", many(n, "product"), ...where.filter(Boolean)].join(" ");
    return download({ batch, category, sku }, `${words}.`);
  }
}
