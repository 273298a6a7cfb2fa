// The filters above a list: plain links and one form, so that the address says what is shown.

import { h, icon } from "./dom.js";
import { REASONS, reasonWords } from "./facts.js";
import { count, STATUS } from "./words.js";

/** `tabs` are the statuses offered as links, or none. */
export class Filters {
  constructor(root, data, tabs = []) {
    this.root = root;
    this.filters = data.filters;
    this.tabs = tabs;
    this.show(data.state);
  }

  #link(changes) {
    const asked = Object.entries({ ...this.filters, ...changes }).filter(([, value]) => value);
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
        this.#choice("category", "Category", "All categories", Object.entries(state.categories)),
        this.#reason(state),
        this.#batch(),
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
            "aria-current": status === this.filters.status ? "true" : null,
          },
          STATUS[status],
          h("span", { class: "tab-count" }, count(state.statuses[status] ?? 0)),
        ),
      ),
    );
  }

  /** Only where something was rejected for one. */
  #reason(state) {
    const { reasons } = state;
    const counts = REASONS.filter(([code]) => code in reasons).map(([code]) => [code, reasons[code]]);
    return (
      (counts.length || this.filters.reason) &&
      this.#choice("reason", "Reason", "Any reason", counts, reasonWords)
    );
  }

  /** A menu of `[value, count]`; choosing one is a new address. */
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

  #batch() {
    if (!this.filters.batch) return null;
    return h(
      "a",
      { class: "chip", href: this.#link({ batch: "" }), title: "Show all batches" },
      `Batch ${this.filters.batch.slice(0, 8)}`,
      icon("cross"),
      h("span", { class: "unseen" }, "Remove this filter"),
    );
  }
}
