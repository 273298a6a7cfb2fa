// The products in the grid, and which of them are chosen.

import { reasonWords } from "../constants.js";
import { $, h } from "../dom.js";
import { outbox } from "../outbox.js";
import { STATUS } from "../words.js";
import { Tile } from "./tile.js";

export class Tiles {
  #tiles = new Map();
  #chosen = new Set();
  /** The product that was chosen last: a range begins there. */
  #anchor = null;
  #list = $("tiles");
  #filters;
  #decidable;
  #changed;

  /** `filters` say what is listed; `changed()` is called after the choice changed. */
  constructor(filters, decidable, changed) {
    this.#filters = filters;
    this.#decidable = decidable;
    this.#changed = changed;
  }

  get(id) {
    return this.#tiles.get(id);
  }

  get size() {
    return this.#tiles.size;
  }

  /** The chosen products as they are shown. */
  get chosen() {
    return [...this.#chosen].map((id) => this.get(id).product);
  }

  /** The ids in the order of the page: new products come first. */
  get #shown() {
    return [...this.#list.children].map((element) => Number(element.dataset.id)).filter(Boolean);
  }

  /** Append products; draw those again that are already here. */
  add(products) {
    for (const product of products) {
      if (!this.draw(product)) this.#list.append(this.#make(product).element);
    }
    this.#showEmpty();
  }

  /** Draw a product if it is here; returns whether it is. A new round ends its choice. */
  draw(product) {
    const tile = this.get(product.id);
    if (tile?.show(product) && this.#chosen.has(product.id)) {
      this.#mark(product.id, false);
      this.#changed();
    }
    return tile !== undefined;
  }

  /**
   * Follow the newest page of the list: new products come first, those decided elsewhere are removed, but
   * none of `saved`, which changed while the page was on the way.
   */
  follow(page, saved) {
    const listed = new Set(page.products.map((product) => product.id));
    const { order, q } = this.#filters;
    const chosenBefore = this.#chosen.size;
    const oldest = page.next_cursor ? (order || q ? Number.POSITIVE_INFINITY : Math.min(...listed)) : 0;
    for (const [id, tile] of this.#tiles) {
      if (id >= oldest && !listed.has(id) && !saved.has(id) && !tile.waiting && !outbox.has(id))
        this.#remove(id);
    }
    for (const product of page.products) this.draw(product);
    if (!order && !q) this.#prepend(page.products); // otherwise a reload shows new ones
    this.#showEmpty();
    if (this.#chosen.size !== chosenBefore) this.#changed();
  }

  #prepend(products) {
    const newest = Math.max(0, ...this.#tiles.keys());
    const fresh = products.filter((product) => product.id > newest);
    for (const product of fresh.reverse()) this.#list.prepend(this.#make(product).element);
  }

  #make(product) {
    const choose = (id, event) => this.#choose(id, event);
    const tile = new Tile(product, { listed: this.#filters.status, decidable: this.#decidable, choose });
    this.#tiles.set(product.id, tile);
    return tile;
  }

  #remove(id) {
    this.get(id).element.remove();
    this.#tiles.delete(id);
    this.#chosen.delete(id);
  }

  #showEmpty() {
    for (const other of this.#list.querySelectorAll(".empty")) other.remove();
    const empty = this.#tiles.size === 0;
    this.#list.toggleAttribute("data-empty", empty);
    if (empty)
      this.#list.append(
        h("li", { class: "empty" }, h("h2", {}, "Nothing here"), h("p", {}, this.#emptyWords())),
      );
  }

  #emptyWords() {
    const { status, category, reason, q } = this.#filters;
    const where =
      (category ? ` in ${category}` : "") +
      (reason ? ` because of ${reasonWords(reason).toLowerCase()}` : "");
    const of = status ? ` of those that are ${STATUS[status].toLowerCase()}` : "";
    if (q) return `No SKU, file name, barcode or word of a name${of}${where} begins with “${q}”.`;
    if (status === "pending_review") return `No products to review${where}.`;
    return status ? `No products are ${STATUS[status].toLowerCase()}${where}.` : `No products${where}.`;
  }

  /** Load the pictures again that could not be loaded; returns those of these products that have any. */
  reloadLost(products) {
    return products.filter(({ id }) => this.get(id).reloadLost());
  }

  // -- choosing -----------------------------------------------------------------------------------------

  /** Choose the products that are shown, at most so many. */
  chooseAll(most = Number.POSITIVE_INFINITY) {
    if (!this.#decidable) return;
    for (const id of this.#shown.slice(0, most)) this.#mark(id, true);
    this.#changed();
  }

  chooseNone() {
    for (const id of [...this.#chosen]) this.#mark(id, false);
    this.#changed();
  }

  #choose(id, event) {
    const on = event.target.checked;
    const ids = event.shiftKey && this.#anchor !== null ? this.#range(this.#anchor, id) : [id];
    for (const each of ids) this.#mark(each, on);
    this.#anchor = id;
    this.#changed();
  }

  #range(from, to) {
    const ids = this.#shown;
    const [start, end] = [ids.indexOf(from), ids.indexOf(to)].sort((a, b) => a - b);
    return ids.slice(Math.max(0, start), end + 1);
  }

  #mark(id, on) {
    if (on) this.#chosen.add(id);
    else this.#chosen.delete(id);
    this.get(id).choose(on);
  }
}
