// What the chosen marketplace would say of the picture on the desk, before it is approved.

import { isExpected } from "../api.js";
import { h, warning } from "../dom.js";
import { measure, presetSelect, rememberPreset } from "../marketplaces.js";
import { many, sentence } from "../words.js";

/** A product that is only passed by is not measured: it takes the server some tenths of a second. */
const REST_MS = 400;
const MAX_KEPT = 50;

export class MarketRules {
  #answers = new Map();
  #timer = 0;
  #shown = { product: null, picture: null };
  /** What was found in the selected picture; empty where no marketplace is chosen. */
  found = h("div", { class: "market-found", "aria-live": "polite" });

  constructor() {
    this.select = presetSelect("No marketplace's rules", { onchange: () => this.#chosen() });
    this.choice = h(
      "label",
      { class: "filter-choice market-choice" },
      h("span", { class: "unseen" }, "Rules of"),
      this.select,
    );
  }

  /** The picture that is selected on the desk; every other one of its product is measured with it. */
  show(product, picture) {
    this.#shown = { product, picture };
    clearTimeout(this.#timer);
    const asked = this.#asked();
    const known = asked && this.#answers.get(asked);
    if (known) return this.#draw(known);
    this.found.replaceChildren();
    if (asked) this.#timer = setTimeout(() => this.#ask(asked), REST_MS);
  }

  #chosen() {
    rememberPreset(this.select.value);
    this.show(this.#shown.product, this.#shown.picture);
  }

  /** What is asked for what is shown; empty without a marketplace or a picture. */
  #asked() {
    const { product } = this.#shown;
    const preset = this.select.value;
    return preset && product?.images.length
      ? JSON.stringify([preset, product.id, product.images.map((picture) => picture.sha256)])
      : "";
  }

  async #ask(asked) {
    const { id } = this.#shown.product;
    this.found.replaceChildren(h("p", { class: "hint" }, "Measuring…"));
    try {
      const data = await measure(id, this.select.value, { asMain: true });
      this.#keep(asked, data);
      if (asked === this.#asked()) this.#draw(data);
    } catch (error) {
      if (!isExpected(error)) throw error;
      if (asked === this.#asked()) this.found.replaceChildren(warning(sentence(error.message)));
    }
  }

  #keep(asked, data) {
    this.#answers.set(asked, data);
    if (this.#answers.size > MAX_KEPT) this.#answers.delete(this.#answers.keys().next().value);
  }

  #draw({ pictures, title }) {
    const rows = pictures.find((one) => one.image_id === this.#shown.picture?.id)?.rows ?? [];
    const of = (verdict) => rows.filter((row) => row.verdict === verdict);
    const [fails, warns, unknown] = [of("fail"), of("warn"), of("unknown")];
    const open = unknown.length ? `, ${many(unknown.length, "rule")} not measured` : "";
    const lines = [
      fails.length > 0 && advice(`As its main picture ${title} would refuse it: ${listed(fails)}`, fails),
      warns.length > 0 && advice(`${title} warns: ${listed(warns)}`, warns),
      rows.length > 0 &&
        !fails.length &&
        !warns.length &&
        h("p", { class: "hint" }, `${title}: no rule fails${open}`),
    ];
    this.found.replaceChildren(...lines.filter(Boolean));
  }
}

/** "fill 71 % (at least 85 %)". */
const listed = (rows) => rows.map((row) => `${row.rule} ${row.measured} (${row.required})`).join("; ");

/** A warning that says, under the pointer, what to do about these rows. */
function advice(words, rows) {
  const element = warning(words);
  element.title = rows.map((row) => row.advice).join(" ");
  return element;
}
