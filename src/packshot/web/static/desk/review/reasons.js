// The reasons for a rejection, shown in place of the decisions; chosen by number or click.

import { REASONS } from "../constants.js";
import { button, h, press } from "../dom.js";

export class Reasons {
  #reject;

  /** `reject(reason)` gets the code of a reason, or null for none. */
  constructor(reject) {
    this.#reject = reject;
    this.element = h(
      "div",
      { class: "why", hidden: true, role: "group", "aria-label": "Why is it rejected?" },
      h("h3", {}, "Why is it rejected?"),
      h("div", { class: "reasons" }, REASONS.map(this.#choice)),
      this.#button("Reject without a reason", { icon: "cross", key: "R", kind: "reject" }, () =>
        this.give(null),
      ),
      this.#button("Back", { key: "Esc", kind: "small" }, () => this.close()),
    );
  }

  #choice = ([code, words], place) => {
    const text = code === "other" ? `${words}…` : words;
    return this.#button(text, { key: String(place + 1), kind: "small reason" }, () => this.give(code));
  };

  #button = (words, looks, run) => button(words, { ...looks, onclick: press(run) });

  get isOpen() {
    return !this.element.hidden;
  }

  open() {
    this.element.hidden = false;
    this.element.parentElement.toggleAttribute("data-why", true);
  }

  close() {
    this.element.hidden = true;
    this.element.parentElement?.toggleAttribute("data-why", false);
  }

  give(reason) {
    this.close();
    this.#reject(reason);
  }

  /** By its number, from 1; a number without a reason does nothing. */
  giveNumber(number) {
    const [code] = REASONS[number - 1] ?? [];
    if (code) this.give(code);
  }
}
