// Waiting and failed products: the error of each, and what to do.

import { isExpected, products as list } from "./api.js";
import { SMALL } from "./constants.js";
import { $, announce, button, h, icon, pageData, warning } from "./dom.js";
import { Filters } from "./filters.js";
import { Pages } from "./pages.js";
import { image, rawPicture } from "./picture_image.js";
import { at } from "./place.js";
import {
  cancel,
  confirmCancelling,
  confirmDeletion,
  forAll,
  mayHaveAnotherPhoto,
  remove,
  replacePhoto,
  retry,
} from "./product/actions.js";
import { mayDelete, mayReview, maySubmit } from "./rights.js";
import { endWords, paceWords, toMake } from "./run.js";
import { start } from "./shell.js";
import { toast } from "./toast.js";
import { ago, count, ended, isCancelled, lastTry, many, sentence, time, titleOf, waiting } from "./words.js";

const REFRESHED = 100;

class List {
  #rows = new Map();

  constructor(data) {
    this.data = data;
    this.state = data.state;
    this.failed = data.filters.status === "failed";
    this.mayChange = mayReview() || maySubmit();
    start(data, (state) => this.#stateChanged(state));
    this.filters = new Filters($("filters"), data);
    this.#showSummary();
    this.#add(data.products);
    new Pages($("more"), data, (products) => this.#add(products));
  }

  // -- rows ------------------------------------------------------------------------------------------

  #row(product) {
    const when = this.failed ? "Failed" : "Asked for";
    return h(
      "li",
      { class: "row", data: { id: product.id } },
      h("div", { class: "row-picture" }, image(rawPicture(product), SMALL, "", { loading: "lazy" })),
      h(
        "div",
        { class: "row-text" },
        rowName(product),
        this.failed ? failure(product) : h("p", { class: "hint" }, waitingWords(product)),
        h(
          "p",
          { class: "row-when" },
          time(product.updated_at, { words: `${when} ${ago(product.updated_at)}` }),
          this.failed && product.error_code ? h("code", {}, product.error_code) : null,
        ),
      ),
      h("div", { class: "row-actions row-tools" }, this.#tools(product)),
    );
  }

  #tools(product) {
    const offer = (words, act, said, picture) =>
      button(words, {
        icon: picture,
        kind: "small",
        onclick: (event) => this.#do(product, act, said, event.currentTarget),
      });
    const deletion = async () => (await confirmDeletion(1, `product ${product.id}`)) && remove(product);
    return [
      this.failed && this.mayChange && offer("Try again", retry, "is tried again", "redo"),
      this.mayChange &&
        maySubmit() &&
        mayHaveAnotherPhoto(product) &&
        offer("Another photo…", replacePhoto, "is tried with another photo", "upload"),
      !this.failed && this.mayChange && offer("Cancel", cancel, "is cancelled", "cross"),
      mayDelete() && offer("Delete…", deletion, "is deleted", "bin"),
    ];
  }

  /** A product leaves the list when the action is done; `act` returns false when the user cancelled. */
  async #do(product, act, said, pressed) {
    pressed.disabled = true;
    try {
      if ((await act(product)) === false) return;
      this.#drop(product.id);
      announce(`Product ${product.id} ${said}`);
    } catch (error) {
      if (!isExpected(error)) throw error;
      toast(error.message, { title: titleOf(product.id, product), kind: "bad" });
    } finally {
      pressed.disabled = false;
    }
  }

  #drop(id) {
    this.#rows.get(id)?.remove();
    this.#rows.delete(id);
    this.#showEmpty();
  }

  #add(products) {
    for (const product of products) {
      const known = this.#rows.get(product.id);
      if (known && this.failed && known.dataset.version === String(product.version)) continue;
      const fresh = this.#row(product);
      fresh.dataset.version = product.version;
      if (known) known.replaceWith(fresh);
      else $("rows").append(fresh);
      this.#rows.set(product.id, fresh);
    }
    this.#showEmpty();
  }

  #showEmpty() {
    for (const other of $("rows").querySelectorAll(".empty")) other.remove();
    if (!this.#rows.size)
      $("rows").append(h("li", { class: "empty" }, this.failed ? nothingFailed() : nothingWaits()));
  }

  // -- all of them -----------------------------------------------------------------------------------

  #showSummary() {
    const here = this.state.statuses[this.data.filters.status] ?? 0;
    const parts = here ? [!this.failed && this.#figures(here), this.#all(here)] : [];
    $("summary").replaceChildren(...parts.filter(Boolean));
  }

  /** Actions for all products together, for callers who may. */
  #all(here) {
    const words = this.failed ? "failed" : "waiting";
    const offer = (text, run, picture) =>
      button(text, { icon: picture, kind: "small", onclick: (event) => run(event.currentTarget) });
    const offers = [
      this.failed && this.mayChange && offer("Try all again", (pressed) => this.#retryAll(pressed), "redo"),
      !this.failed &&
        this.mayChange &&
        offer("Cancel all…", (pressed) => this.#cancelAll(here, pressed), "cross"),
      mayDelete() && offer("Delete all…", (pressed) => this.#deleteAll(here, words, pressed), "bin"),
    ].filter(Boolean);
    if (here < 2 || !offers.length) return null;
    return h(
      "div",
      { class: "summary" },
      h("p", {}, h("strong", {}, many(here, "product")), ` ${words}`),
      h("div", { class: "row-tools" }, offers),
    );
  }

  #retryAll(pressed) {
    return this.#doAll(retry, "tried again", pressed);
  }

  async #cancelAll(here, pressed) {
    if (await confirmCancelling(here)) await this.#doAll(cancel, "cancelled", pressed);
  }

  async #deleteAll(here, words, pressed) {
    if (await confirmDeletion(here, many(here, `${words} product`)))
      await this.#doAll(remove, "deleted", pressed);
  }

  async #doAll(act, said, pressed) {
    pressed.disabled = true;
    const { done, failed, error } = await forAll(this.data.query, async (product) => {
      await act(product);
      this.#drop(product.id);
    });
    pressed.disabled = false;
    const refused = failed ? `; ${failed} could not be` : "";
    const broke = error ? ` Then it stopped: ${ended(error)}` : "";
    const kind = refused || broke ? "bad" : "";
    toast(`${many(done, "product")} ${said}${refused}.${broke}`, { kind });
  }

  #figures(here) {
    const { state } = this;
    const { batched } = state;
    const runs = state.pace && toMake(state) > 0;
    const facts = [
      [count(here), "waiting"],
      [count(state.working), "being worked on"],
      batched && [count(batched), "in batch jobs, or waiting for one"],
      runs && [paceWords(state.pace), "in this run"],
      runs && [endWords(state), `at this pace, for all that wait${batched ? " for no batch job" : ""}`],
    ];
    const problem = state.worker && `Nothing is being made: ${ended(state.worker)}`;
    return h(
      "div",
      { class: "summary-figures" },
      problem && warning(problem),
      h(
        "dl",
        { class: "figures" },
        facts.filter(Boolean).map(([n, words]) => h("div", {}, h("dt", {}, words), h("dd", {}, n))),
      ),
    );
  }

  // -- live ------------------------------------------------------------------------------------------

  async #stateChanged(state) {
    this.state = state;
    this.filters.show(state);
    this.#showSummary();
    const { filters, query } = this.data;
    const page = await list({ ...query, limit: REFRESHED });
    const listed = new Set(page.products.map((product) => product.id));
    const complete = !page.next_cursor;
    const oldest = complete || filters.order || filters.q ? 0 : Math.min(...listed);
    for (const id of this.#rows.keys())
      if (!listed.has(id) && (complete || (oldest && id >= oldest))) this.#drop(id);
    this.#add(page.products);
  }
}

function rowName(product) {
  const name = product.sku ?? product.name ?? product.category;
  return h(
    "p",
    { class: "row-name" },
    h("a", { href: at(`/products/${product.id}`) }, `${name} #${product.id}`),
    product.view && h("span", { class: "badge" }, product.view),
    product.name !== name && product.name && h("span", { class: "hint" }, product.name),
    isCancelled(product) && h("span", { class: "badge" }, "Cancelled"),
    product.round > 1 && h("span", { class: "badge" }, `Round ${product.round}`),
  );
}

const failure = (product) =>
  h(
    "p",
    { class: "row-error" },
    icon("warning"),
    h("span", {}, sentence(product.error ?? "it failed, and nothing says why")),
  );

const waitingWords = (product) => [progressWords(product), lastTry(product)].filter(Boolean).join(" ");

function progressWords(product) {
  if (product.attempts > 1)
    return `Tried ${many(product.attempts, "time")} so far; tried again automatically.`;
  const made = product.images.length;
  if (made) return `${made} of ${product.wanted} pictures made.`;
  return `${waiting(product)}.`;
}

const nothingFailed = () => [
  h("h2", {}, "Nothing failed"),
  h("p", {}, "If a product fails, it appears here with what happened and what to do."),
];

const nothingWaits = () => [
  h("h2", {}, "Nothing is waiting"),
  h("p", {}, "Products whose pictures are still to be made appear here."),
  h("p", {}, h("a", { class: "button", href: at("/") }, "Review")),
];

new List(pageData());
