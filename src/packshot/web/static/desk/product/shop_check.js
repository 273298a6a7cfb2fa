// Checks a product's pictures, in the form of an export, against a marketplace's rules.

import { isExpected } from "../api.js";
import { h, warning } from "../dom.js";
import { measure, presetSelect, rememberPreset } from "../marketplaces.js";
import { numberOf, sentence } from "../words.js";

const VERDICTS = {
  pass: ["Pass", "good"],
  warn: ["Warning", "warn"],
  fail: ["Fail", "bad"],
  unknown: ["Not measured", ""],
};

/** The section with its chooser; it asks when one is chosen, and when the pictures change. */
export class ShopCheck {
  #result = h("div", { class: "check-result", "aria-live": "polite" });
  #asked = "";

  constructor(id) {
    this.id = id;
    const props = { onchange: () => this.#chosen(), data: { focus: "preset" } };
    this.select = presetSelect("Choose a marketplace", props);
    this.element = h(
      "section",
      { class: "shop-check", "aria-label": "Marketplace rules" },
      h("h2", {}, "Marketplace rules"),
      h("p", { class: "hint" }, "Measured on the picture that an export for the marketplace would contain."),
      h("label", { class: "filter-choice" }, h("span", { class: "unseen" }, "Marketplace"), this.select),
      this.#result,
    );
  }

  /** The pictures as they are now. */
  show(product) {
    this.pictures = product.images.filter((picture) => picture.round === product.round);
    this.element.hidden = this.pictures.length === 0;
    if (!this.element.hidden) this.#ask();
  }

  #chosen() {
    rememberPreset(this.select.value);
    this.#ask();
  }

  async #ask() {
    const preset = this.select.value;
    const asked = `${preset} ${this.pictures.map((picture) => picture.sha256)}`;
    if (asked === this.#asked) return;
    this.#asked = asked;
    if (!preset) return this.#result.replaceChildren();
    this.#result.replaceChildren(h("p", { class: "hint" }, "Measuring…"));
    try {
      const data = await measure(this.id, preset);
      if (asked === this.#asked) this.#result.replaceChildren(...this.#tables(data));
    } catch (error) {
      if (!isExpected(error)) throw error;
      if (asked !== this.#asked) return; // another marketplace was chosen meanwhile
      this.#asked = "";
      this.#result.replaceChildren(warning(sentence(error.message)));
    }
  }

  #tables({ pictures, title, checked }) {
    return [
      h("p", { class: "hint" }, `${title}: its rules as they were read on ${checked}.`),
      ...pictures.map((checked) => this.#table(checked)),
    ];
  }

  #table({ image_id, main, rows }) {
    const picture = this.pictures.find((one) => one.id === image_id);
    const name = `Picture ${numberOf(picture ?? { variant: 0 })}`;
    return h(
      "details",
      { class: "measured", open: rows.some((row) => row.verdict === "fail") },
      h("summary", {}, h("strong", {}, name), `${main ? ", main picture:" : ""} ${summary(rows)}`),
      h(
        "div",
        {
          class: "measured-scroll",
          tabindex: "0",
          role: "region",
          "aria-label": `Rules for ${name.toLowerCase()}`,
        },
        h(
          "table",
          {},
          h("thead", {}, h("tr", {}, ["Rule", "Required", "Measured", "", "What to do"].map(heading))),
          h("tbody", {}, rows.map(line)),
        ),
      ),
    );
  }
}

const heading = (words) => h("th", { scope: "col" }, words || h("span", { class: "unseen" }, "Verdict"));

function line(row) {
  const [words, kind] = VERDICTS[row.verdict];
  return h(
    "tr",
    { title: `${row.source} (confidence: ${row.confidence})` },
    h("th", { scope: "row" }, row.rule),
    h("td", {}, row.required),
    h("td", {}, row.measured),
    h("td", {}, h("span", { class: `badge ${kind}` }, words)),
    h("td", {}, row.advice),
  );
}

/** "9 passed, 1 failed". */
function summary(rows) {
  const n = (verdict) => rows.filter((row) => row.verdict === verdict).length;
  const parts = [
    [n("pass"), "passed"],
    [n("warn"), n("warn") === 1 ? "warning" : "warnings"],
    [n("fail"), "failed"],
    [n("unknown"), "not measured"],
  ];
  return parts
    .filter(([number]) => number)
    .map(([number, words]) => `${number} ${words}`)
    .join(", ");
}
