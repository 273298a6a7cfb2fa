// A paged list: the next page is loaded when its end is visible, or by a button.

import { Away, products as list } from "./api.js";
import { button } from "./dom.js";
import { toast } from "./toast.js";

const PAGE = 60;

export class Pages {
  /** `add(products)` gets each further page. */
  constructor(root, data, add) {
    this.root = root;
    this.query = data.query;
    this.cursor = data.next_cursor;
    this.add = add;
    this.button = button("Show more", { onclick: () => this.next() });
    this.button.classList.add("show-more");
    if (this.cursor) root.append(this.button);
    new IntersectionObserver(([seen]) => seen.isIntersecting && this.next(), { rootMargin: "600px" }).observe(
      root,
    );
  }

  /** Load the next page, if there is one. */
  next() {
    if (!this.cursor) return Promise.resolve();
    this.loading ??= this.#load().finally(() => {
      this.loading = null;
    });
    return this.loading;
  }

  /** Load further pages until `enough()`, or until one can't be loaded. */
  async loadUntil(enough) {
    for (let before = null; this.cursor && this.cursor !== before && !enough(); ) {
      before = this.cursor;
      await this.next();
    }
  }

  async #load() {
    this.button.disabled = true;
    try {
      const page = await list({ ...this.query, cursor: this.cursor, limit: PAGE });
      this.cursor = page.next_cursor;
      this.add(page.products);
    } catch (error) {
      toast(
        error instanceof Away
          ? "The next ones can't be loaded now. Try again when the connection is back."
          : error.message,
        { kind: "bad" },
      );
    }
    this.button.disabled = false;
    if (!this.cursor) this.button.remove();
  }
}
