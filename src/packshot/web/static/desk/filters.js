// The filters above a list: plain links and one form, so that the address says what is shown.

import { REASONS, reasonWords } from "./constants.js";
import { h, icon } from "./dom.js";
import { at } from "./place.js";
import { count, STATUS } from "./words.js";

const ORDERS = [
  ["", "Newest first"],
  ["doubt", "Most doubtful first"],
  ["sku", "By SKU"],
];
const DOUBTS = {
  yes: "With a warning",
  no: "Without a warning",
  after_approval: "Approved, but the check found a change",
};
const doubtCounts = (counts) =>
  Object.keys(DOUBTS)
    .map((value) => [value, counts[value] ?? 0])
    .filter(([value, n]) => n || value !== "after_approval");
const doubtWords = (value) => DOUBTS[value] ?? value;
const enhancerWords = (name) => ({ local: "Local enhancer", gemini: "Gemini" })[name] ?? name;
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
/** A batch by the time of its upload; its number tells it from others of that minute, or stands where it has no products here. */
const batchWords = (times) => {
  const uploaded = (id) => `Uploaded ${moment.format(new Date(times[id]))}`;
  const all = Object.keys(times).map(uploaded);
  return (id) => {
    const number = `Batch ${id.slice(0, 8)}`;
    if (!(id in times)) return number;
    const words = uploaded(id);
    return all.indexOf(words) === all.lastIndexOf(words) ? words : `${words}, ${number}`;
  };
};

/** `[name, count]` in the order of the names. */
const byName = (counts) => Object.entries(counts).sort(([one], [other]) => one.localeCompare(other));

const countOf = (statuses, status) =>
  status === "all" ? Object.values(statuses).reduce((sum, n) => sum + n, 0) : (statuses[status] ?? 0);

/** Whether the panel has room for all filters. */
const roomy = matchMedia("(min-width: 761px) and (min-height: 1000px)");

/** What a menu is set to, without its count; empty where it is at its first choice. */
function chosenWords(label) {
  const { selectedIndex, selectedOptions } = label.querySelector("select");
  return selectedIndex > 0 ? selectedOptions[0].textContent.replace(/ \([\d,]+\)$/, "") : "";
}

/** `tabs` are the statuses offered as links, or none. */
export class Filters {
  constructor(root, data, tabs = []) {
    this.root = root;
    this.filters = data.filters;
    this.tabs = tabs;
    this.show(data.state);
  }

  #link(changes) {
    const asked = Object.entries({ status: "all", ...this.filters, ...changes }).filter(([, value]) => value);
    return `?${new URLSearchParams(asked)}`;
  }

  /** Draw with fresh counts, unless the reviewer is choosing right now. */
  show(state) {
    if (this.root.contains(document.activeElement)) return;
    this.root.replaceChildren(
      h(
        "div",
        { class: "filters" },
        this.tabs.length ? this.#tabs(state) : null,
        this.#foundLater(state),
        this.#inPanel ? null : this.#category(state),
        this.#reason(state),
        this.#more(state),
        this.#chip("q", "Found for"),
        this.#chip("sku", "SKU"),
      ),
    );
  }

  get #inPanel() {
    return this.root.closest(".panel") !== null;
  }

  #category(state) {
    return this.#choice("category", "Category", "All categories", byName(state.categories));
  }

  /** Less common filters; in the panel all of them, closed at first where it is short. */
  #more(state) {
    const offer = (name, label, all, counts, words) =>
      (counts.length || this.filters[name]) && this.#choice(name, label, all, counts, words);
    const doubts = state.doubts.yes || state.doubts.after_approval ? doubtCounts(state.doubts) : [];
    const choices = [
      this.#inPanel && this.#category(state),
      offer("doubt", "Doubt", "With or without warnings", doubts, doubtWords),
      offer("enhancer", "Enhancer", "Any enhancer", byName(state.enhancers), enhancerWords),
      offer("batch", "Batch", "All uploads", Object.entries(state.batches), batchWords(state.batch_times)),
      this.#order(),
    ].filter(Boolean);
    if (!this.#inPanel) return h("div", { class: "more-filters" }, choices);
    const open = this.root.querySelector("details")?.open ?? roomy.matches;
    const chosen = choices.map(chosenWords).filter(Boolean);
    return h(
      "details",
      { class: "more-filters", open },
      h("summary", {}, chosen.join(" · ") || "Filters and order"),
      h("div", {}, choices),
    );
  }

  /** A link to the products that were approved before their check found a change. */
  #foundLater(state) {
    const n = state.doubts?.after_approval;
    if (!n || this.filters.doubt === "after_approval") return null;
    const href = at(`/grid${this.#link({ doubt: "after_approval", status: "all", reason: "" })}`);
    return h(
      "a",
      { class: "chip found-later", href },
      icon("warning"),
      `${doubtWords("after_approval")}: ${count(n)}`,
    );
  }

  #order() {
    const chosen = this.filters.order ?? "";
    const [newest, ...others] = ORDERS;
    const orders = this.filters.q
      ? [["", "By the term found"], ["views", newest[1]], ...others]
      : [this.filters.sku ? ["", "By view"] : newest, ...others];
    return h(
      "label",
      { class: "filter-choice" },
      h("span", { class: "unseen" }, "Order"),
      h(
        "select",
        { onchange: (event) => location.assign(this.#link({ order: event.target.value })) },
        orders.map(([value, words]) => h("option", { value, selected: value === chosen }, words)),
      ),
    );
  }

  #tabs(state) {
    return h(
      "nav",
      { class: "tabs", "aria-label": "Status" },
      this.tabs.map((status) =>
        h(
          "a",
          {
            href: this.#link({ status, reason: "" }),
            "aria-current": status === (this.filters.status ?? "all") ? "true" : null,
          },
          STATUS[status] ?? "All",
          h("span", { class: "tab-count" }, count(countOf(state.statuses, status))),
        ),
      ),
    );
  }

  /** Shown only if something was rejected for a reason. */
  #reason(state) {
    const { reasons } = state;
    const counts = REASONS.filter(([code]) => code in reasons).map(([code]) => [code, reasons[code]]);
    return (
      (counts.length || this.filters.reason) &&
      this.#choice("reason", "Reason", "Any reason", counts, reasonWords)
    );
  }

  /** A menu of `[value, count]`; choosing one opens a new address. */
  #choice(name, label, all, counts, words = (value) => value) {
    const chosen = this.filters[name] ?? "";
    const missing = chosen && !counts.some(([value]) => value === chosen) ? [[chosen, 0]] : [];
    const options = [...counts, ...missing].map(([value, n]) =>
      h("option", { value, selected: value === chosen }, `${words(value)} (${count(n)})`),
    );
    return h(
      "label",
      { class: "filter-choice" },
      h("span", { class: "unseen" }, label),
      h(
        "select",
        { onchange: (event) => location.assign(this.#link({ [name]: event.target.value })) },
        h("option", { value: "" }, all),
        options,
      ),
    );
  }

  /** The search text, with a link that clears it. */
  #chip(name, words) {
    const value = this.filters[name];
    if (!value) return null;
    return h(
      "a",
      { class: "chip", href: at(`/grid${this.#link({ [name]: "" })}`) },
      `${words} ${value}`,
      icon("cross"),
      h("span", { class: "unseen" }, "Remove this filter"),
    );
  }
}
