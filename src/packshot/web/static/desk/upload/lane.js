// The lane of Gemini's calls: at once, or later for less. Each choice shows its price and time.

import { h } from "../dom.js";
import { cost } from "../words.js";

const WORDS = { standard: "Standard", flex: "Flex", batch: "Batch" };

/** A choice of lanes with `value`; `element` is null where there is nothing to choose. */
export class LaneChoice {
  #lanes;
  element = null;

  constructor(lanes) {
    this.#lanes = lanes;
    if (lanes.length < 2) return;
    const legend = h("legend", {}, "When, and for how much");
    this.element = h("fieldset", {}, legend, h("div", { class: "lanes" }, ...lanes.map(option)));
  }

  /** The lane for the bulk call; null leaves it to the server. */
  get value() {
    return this.element?.querySelector("input:checked")?.value ?? null;
  }

  /** The price of `many` products in each lane. */
  show(many) {
    for (const { name, cost: each } of this.#lanes) {
      const price = this.element?.querySelector(`[data-lane="${name}"]`);
      if (price) price.textContent = each === null ? "price not known" : `about ${cost(each * many)}`;
    }
  }
}

function option({ name, ready, chosen }) {
  const input = h("input", { type: "radio", name: "lane", value: name, checked: chosen });
  const price = h("span", { class: "lane-price", "data-lane": name });
  const hint = h("span", { class: "hint" }, ready);
  return h("label", { class: "lane" }, input, h("span", {}, h("strong", {}, WORDS[name]), price, hint));
}
