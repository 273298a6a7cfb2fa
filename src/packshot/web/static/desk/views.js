// The views of one SKU: which one is on the stage, and which is next.

import { call, isExpected } from "./api.js";

/** Delay in ms: the views of a product that is only skipped past are not loaded. */
const REST_MS = 200;

/** The products of this SKU that show the same side of it as the one with this id. */
export function duplicatesOf(id, products) {
  const one = products.find((each) => each.id === id);
  return products.filter((other) => one && other !== one && isSame(one, other));
}

const isSame = (one, other) =>
  one.raw_image === other.raw_image || (one.view_key !== "" && one.view_key === other.view_key);

export class Views {
  #timer = 0;
  #sku = null;
  #products = [];

  /**
   * `changed(place, total, duplicates)` gets the shown product's place from 1, or 0 while it is not known.
   */
  constructor(changed) {
    this.changed = changed;
  }

  /** Another product is on the stage, or none. */
  show(product) {
    clearTimeout(this.#timer);
    this.product = product;
    this.changed(0, 0, []);
    if (!product?.sku) return;
    if (product.sku === this.#sku) return this.#report();
    this.#timer = setTimeout(() => this.#ask(product), REST_MS);
  }

  async #ask(product) {
    try {
      const url = `/desk/views?${new URLSearchParams({ sku: product.sku })}`;
      const { products } = (await call("GET", url)).body;
      if (this.product?.id !== product.id) return;
      this.#sku = product.sku;
      this.#products = products;
      this.#report();
    } catch (error) {
      if (!isExpected(error)) throw error;
    }
  }

  #report() {
    const { id } = this.product;
    const place = this.#products.findIndex((other) => other.id === id);
    if (place >= 0) this.changed(place + 1, this.#products.length, duplicatesOf(id, this.#products));
  }

  /** The view after the shown one, the first after the last; null when there is no other. */
  get next() {
    const place = this.#products.findIndex((other) => other.id === this.product?.id);
    if (place < 0 || this.#products.length < 2) return null;
    return this.#products[(place + 1) % this.#products.length];
  }
}
