// The filters above a list: plain links and one form, so that the address says what is shown.

import { h, icon } from "./dom.js";
import { STATUS, count } from "./words.js";

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
    this.root.replaceChildren(h(
      "div",
      { class: "filters" },
      this.tabs.length ? this.#tabs(state) : null,
      this.#category(state),
      this.#batch(),
    ));
  }

  #tabs(state) {
    return h(
      "nav",
      { class: "tabs", "aria-label": "Status" },
      this.tabs.map((status) =>
        h(
          "a",
          { href: this.#link({ status }), "aria-current": status === this.filters.status ? "true" : null },
          STATUS[status],
          h("span", { class: "tab-count" }, count(state.statuses[status] ?? 0)),
        ),
      ),
    );
  }

  #category(state) {
    const chosen = this.filters.category ?? "";
    const names = Object.entries(state.categories);
    if (chosen && !(chosen in state.categories)) names.push([chosen, 0]);
    const options = names.map(([name, n]) => h(
      "option",
      { value: name, selected: name === chosen },
      `${name} (${count(n)})`,
    ));
    return h(
      "label",
      { class: "filter-category" },
      h("span", { class: "unseen" }, "Category"),
      h(
        "select",
        { onchange: (event) => location.assign(this.#link({ category: event.target.value })) },
        h("option", { value: "" }, "All categories"),
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
