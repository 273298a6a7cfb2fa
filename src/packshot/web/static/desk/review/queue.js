// The products under review: which is shown, which come next, which are decided.

import { products as list } from "../api.js";
import { outbox, pageAndSaved } from "../outbox.js";
import { STATUS } from "../words.js";

const PAGE = 100;
/** At 1,000 keys a minute, nine seconds of them. */
const FEW_LEFT = 150;

export class Queue {
  #order = [];
  #products = new Map();
  #decided = new Map();
  #skipped = new Set();
  /** The last product before the place from which this reviewer went on elsewhere. */
  #apartAfter = null;

  constructor(data) {
    this.filters = data.filters;
    this.query = data.query;
    this.cursor = data.next_cursor;
    this.at = null;
    this.countsCame(data.state);
    if (data.first?.images.length) this.put(data.first);
    for (const product of data.products) this.put(product);
    this.at = this.#order.find((id) => !this.#decided.has(id)) ?? null;
  }

  /** The server's count of what is left, and how many of our decisions it does not have yet. */
  countsCame(state) {
    this.total = state.statuses[this.filters.status] ?? 0;
    this.since = outbox.size;
  }

  get current() {
    return this.#products.get(this.at) ?? null;
  }

  get(id) {
    return this.#products.get(id);
  }

  /** Add a product, or update it to a newer state. True when something changed. */
  put(product) {
    const known = this.#products.get(product.id);
    if (known && known.version >= product.version) return false;
    if (!known) this.#order.push(product.id);
    this.#products.set(product.id, product);
    if (outbox.decides(product.id)) this.#decided.set(product.id, "saving");
    return true;
  }

  /** Restore the state before a decision that is being undone; later states of the server count again. */
  putBack(before) {
    const { version } = this.#products.get(before.id);
    this.#products.set(before.id, { ...before, version });
  }

  // -- moving ------------------------------------------------------------------------------------------

  /** The undecided ones after the shown one, then from the start; skipped ones last. */
  upcoming() {
    const place = this.#order.indexOf(this.at);
    const turned = [...this.#order.slice(place + 1), ...this.#order.slice(0, Math.max(0, place))];
    const open = turned.filter((id) => !this.#decided.has(id));
    return [...open.filter((id) => !this.#skipped.has(id)), ...open.filter((id) => this.#skipped.has(id))];
  }

  ahead(n) {
    return this.upcoming()
      .slice(0, n)
      .map((id) => this.#products.get(id));
  }

  /** Move to the next one; a skipped product that is the only one left stays. */
  advance() {
    const here = this.current && !this.#decided.has(this.at) ? this.at : null;
    this.at = this.upcoming()[0] ?? here;
  }

  /** Move by one place in the list, decided or not. */
  step(by) {
    const place = this.at === null ? this.#order.length : this.#order.indexOf(this.at);
    const next = this.#order[place + by];
    if (next !== undefined) this.at = next;
    return next !== undefined;
  }

  go(id) {
    this.at = id;
  }

  /**
   * Go on from another place of the list after this product, because another reviewer decided `id`, too.
   * What lies between comes at the end, without what others decide until then. False when too few are left.
   * Once for all that was decided before: a second jump could lead back to the other reviewer.
   */
  moveApart(id) {
    const place = (each) => this.#order.indexOf(each);
    if (this.#apartAfter !== null && place(id) <= place(this.#apartAfter)) return true;
    this.#apartAfter = this.at;
    const here = place(this.at) + 1;
    const after = this.#order.slice(here);
    const cut = Math.floor(after.length * (0.25 + Math.random() / 2)); // where a third is not likely to be
    this.#order = [...this.#order.slice(0, here), ...after.slice(cut), ...after.slice(0, cut)];
    return cut > 0;
  }

  /** Show a product that may not be in the list. */
  visit(product) {
    this.put(product);
    const other = product.status !== this.filters.status && !this.#decided.has(product.id);
    if (other) this.#decided.set(product.id, STATUS[product.status]);
    this.at = product.id;
  }

  // -- deciding ----------------------------------------------------------------------------------------

  decide(id, words) {
    if (!this.#decided.has(id)) this.since += 1;
    this.#decided.set(id, words);
    this.#skipped.delete(id);
  }

  reopen(id) {
    if (this.#decided.delete(id)) this.since -= 1;
  }

  skip(id) {
    this.#skipped.add(id);
  }

  decision(id) {
    return this.#decided.get(id) ?? null;
  }

  /** Undecided ones here, and those not loaded yet. */
  get left() {
    const here = this.#order.filter((id) => !this.#decided.has(id)).length;
    return this.cursor ? Math.max(here, this.total - this.since) : here;
  }

  get done() {
    return this.#decided.size;
  }

  // -- from the server -----------------------------------------------------------------------------------

  /** Whether it is time to load the next page. */
  get runsLow() {
    return this.cursor !== null && this.upcoming().length < FEW_LEFT;
  }

  async fill() {
    const page = await list({ ...this.query, cursor: this.cursor, limit: PAGE });
    this.cursor = page.next_cursor;
    for (const product of page.products) this.put(product);
  }

  /** Apply what is new, changed or decided elsewhere. Returns the ids that are gone. */
  async refresh() {
    const { page, saved } = await pageAndSaved(() => list({ ...this.query, limit: 2 * PAGE }));
    for (const product of page.products) {
      if (this.put(product) && !outbox.has(product.id)) this.#decided.delete(product.id);
    }
    return this.#gone(page, saved);
  }

  #gone(page, saved) {
    const listed = new Set(page.products.map((product) => product.id));
    const { order, q } = this.filters;
    if (page.next_cursor && (order || q)) return []; // what comes later may be anywhere
    const oldest = page.next_cursor ? Math.min(...listed) : 0;
    const gone = this.#order.filter(
      (id) => id >= oldest && !listed.has(id) && !saved.has(id) && !this.#decided.has(id) && !outbox.has(id),
    );
    for (const id of gone) if (id !== this.at) this.remove(id);
    return gone;
  }

  remove(id) {
    this.#order = this.#order.filter((other) => other !== id);
    this.#products.delete(id);
    this.#decided.delete(id);
  }
}
