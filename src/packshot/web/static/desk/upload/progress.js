// Follows the created products until all their pictures are made.

import { isExpected, products as list, listAddress } from "../api.js";
import { announce, h } from "../dom.js";
import { at } from "../place.js";
import { Poll } from "../poll.js";
import { toast } from "../toast.js";
import { count, duration, ended, many } from "../words.js";
import { isDone, progressCard, wantedOf } from "./making.js";
import { leftBehind } from "./preview.js";
import { report } from "./report.js";

const WINDOW_MS = 180_000;
/** Pictures made before a pace is known: those of the first products, which also start the worker. */
const FEWEST = 6;

/** Estimates how long the rest will take, from the pace of the last minutes. */
class TimeLeft {
  #seen = [];

  /** Note how many pictures are made by now. */
  note(made, now = Date.now()) {
    this.#seen.push({ made, now });
    while (this.#seen.length > 2 && now - this.#seen[1].now > WINDOW_MS) this.#seen.shift();
  }

  /** Seconds until `left` more are made; null while the pace is not known. */
  seconds(left) {
    const first = this.#seen[0];
    const last = this.#seen.at(-1);
    if (!first || last.made - first.made < FEWEST) return null;
    return (left * (last.now - first.now)) / (last.made - first.made) / 1000;
  }
}

const FOLLOW_MS = 1_500;
const PAGE = 200;

/** The pages of the batches' lists. Each poll reads one that is not done; it names the next page. */
class Pages {
  #pages;
  #turn = 0;
  #asked;

  constructor(batches) {
    this.#pages = batches.map((batch) => ({ batch, cursor: null, products: null }));
    this.#asked = this.#pages[0];
  }

  get open() {
    return this.#pages.filter((page) => !page.products?.every(isDone));
  }

  /** Whether every page was read: until then more products appear that were made before. */
  get areKnown() {
    return this.#pages.every((page) => page.products);
  }

  next() {
    const left = this.open;
    if (left.length) this.#asked = left.find((page) => !page.products) ?? left[this.#turn++ % left.length];
    const { batch, cursor } = this.#asked;
    return { batch, limit: PAGE, ...(cursor && { cursor }) };
  }

  take({ products, next_cursor: cursor }) {
    const page = this.#asked;
    if (cursor && !page.products) this.#pages.push({ batch: page.batch, cursor, products: null });
    page.products = products;
  }
}

export class Progress {
  #batches;
  #pages;
  #timeLeft = new TimeLeft();
  #cards = new Map();
  #all = h("ul", { class: "making-list" });
  #words = h("p", { class: "making-words" });
  #bar = h("progress", { max: 1, value: 0, "aria-label": "Pictures made" });
  #links = h("div", { class: "form-actions" });
  #finished = false;

  constructor(batches) {
    this.#batches = batches;
    this.#pages = new Pages(batches);
  }

  /** Show it in `place`, above the notes on the upload's `result`, and keep asking. */
  start(place, created, result) {
    const head = h(
      "section",
      { class: "making", "aria-label": "Progress" },
      this.#words,
      this.#bar,
      this.#links,
    );
    place.replaceChildren(head, ...notesOn(result), this.#all);
    const query = new URLSearchParams(this.#batches.map((batch) => ["batch", batch]));
    keepForReload(result, `/upload?${query}`);
    this.#show(created);
    new Poll(
      () => listAddress(this.#pages.next()),
      (body) => this.#take(body.data),
      () => FOLLOW_MS,
    );
  }

  /** The first page of each batch, for a page that was reloaded. Throws Away, Problem. */
  async restore() {
    const known = [];
    for (const _ of this.#batches) {
      const page = await list(this.#pages.next());
      this.#pages.take(page);
      known.push(...page.products);
    }
    return known.sort((one, other) => one.id - other.id);
  }

  #take(page) {
    this.#pages.take(page);
    this.#show(page.products.toReversed());
  }

  #show(products) {
    for (const product of products) {
      const known = this.#cards.get(product.id);
      if (known?.product.version === product.version && known.made === product.images.length) continue;
      const element = progressCard(product);
      if (known) known.element.replaceWith(element);
      else this.#put(product.id, element);
      this.#cards.set(product.id, { element, product, made: product.images.length });
    }
    this.#summarise([...this.#cards.values()].map((card) => card.product));
  }

  #put(id, element) {
    const last = this.#all.lastElementChild;
    element.dataset.id = id;
    if (!last || Number(last.dataset.id) < id) return this.#all.append(element);
    const after = [...this.#all.children].find((other) => Number(other.dataset.id) > id);
    return this.#all.insertBefore(element, after ?? null);
  }

  #summarise(products) {
    const wanted = products.reduce((sum, product) => sum + wantedOf(product), 0);
    const made = products.reduce((sum, product) => sum + product.images.length, 0);
    const ready = products.filter(isDone).length;
    const failed = products.filter((product) => product.status === "failed").length;
    const finished = ready === products.length && !this.#pages.open.length;
    if (!this.#pages.areKnown) this.#timeLeft = new TimeLeft();
    this.#timeLeft.note(made);
    const seconds = finished ? null : this.#timeLeft.seconds(wanted - made);
    this.#words.replaceChildren(
      h(
        "strong",
        {},
        finished ? `Done: ${many(made, "picture")}` : `${count(made)} of ${many(wanted, "picture")} made`,
      ),
      ` · ${count(ready)} of ${many(products.length, "product")} ready`,
      seconds === null ? "" : ` · ${duration(seconds)} left`,
      failed ? h("span", { class: "badge bad" }, `${failed} failed`) : "",
    );
    this.#bar.max = Math.max(1, wanted);
    this.#bar.value = made;
    this.#link(products, finished);
  }

  #link(products, finished) {
    const some = products.some((product) => product.status === "pending_review");
    const review = this.#batches.length > 1 ? "/" : `/?batch=${this.#batches[0]}`; // the desk shows one batch, or all
    const words = finished ? "Review them" : "Review what is ready";
    this.#links.replaceChildren(
      h("a", { class: "button", href: at("/upload") }, "Upload more"),
      some ? h("a", { class: "button primary", href: at(review) }, words) : "",
    );
    if (finished && !this.#finished) announce(`All ${many(products.length, "product")} are ready`);
    this.#finished ||= finished;
  }
}

/** Keep the result with this entry of the tab's history: a reload shows what was left out again. */
function keepForReload(result, address) {
  try {
    history.replaceState(result, "", at(address));
  } catch {
    history.replaceState(null, "", at(address)); // a result may be larger than a browser keeps
  }
}

const notesOn = (result) =>
  result ? [...report(result.made), ...leftBehind(result.left)].filter(Boolean) : [];

/** Show what became of an upload: what was `made`, and what was `left`, see `leftovers`. */
export function showResult(place, created, result) {
  if (created.length) {
    const batches = [...new Set(created.map((product) => product.batch_id))];
    return new Progress(batches).start(place, created, result);
  }
  const more = h("a", { class: "button", href: at("/upload") }, "Upload more");
  place.replaceChildren(...notesOn(result), more);
  keepForReload(result, "/upload");
}

/** Show the result of before a reload, and follow the batches that the page's address names, if any. */
export async function resume(place) {
  const batches = new URLSearchParams(location.search).getAll("batch");
  if (!batches.length) return history.state && showResult(place, [], history.state);
  const progress = new Progress(batches);
  try {
    const known = await progress.restore();
    if (known.length) progress.start(place, known, history.state);
  } catch (error) {
    if (!isExpected(error)) throw error;
    const actions = [["Try again", () => resume(place)]];
    toast(`The progress can't be shown: ${ended(error.message)}`, { kind: "bad", actions });
  }
}
