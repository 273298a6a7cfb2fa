// The questions before a download: which file, in which form, and of which approvals.

import { ask } from "../dialog.js";
import { h } from "../dom.js";
import { presetSelect, rememberPreset } from "../marketplaces.js";
import { recall, remember } from "../memory.js";
import { ago } from "../words.js";

const DAY_MS = 86_400_000;
const FORMATS = [
  ["zip", "ZIP of the pictures"],
  ["csv", "CSV, a line for each picture"],
  ["jsonl", "JSON, a line for each picture"],
  ["shopify", "CSV for Shopify's importer"],
  ["woocommerce", "CSV for WooCommerce's importer"],
];
const SHOPS = ["shopify", "woocommerce"];
const HINTS = {
  zip: "A ZIP has the pictures under your names, products.xlsx and .csv, and manifest.json.",
  shopify:
    "Upload the ZIP's pictures under Content, Files, and give the address of one of them here. Public pictures need none. Shopify may rename those whose SKUs have accents or spaces: then set EXPORT_NAMES={id}_{n} first.",
  woocommerce:
    "Upload the ZIP's pictures to the media library, and give the address of one of them here. Public pictures need none.",
};

const field = (words, input) => h("label", { class: "field" }, h("span", {}, words), input);
/** Its words, without how long ago that is. */
const periodOf = (option) => option.textContent.split(",")[0];
const choices = (options) => options.map(([value, label]) => h("option", { value }, label));

export class DownloadForm {
  #format = h("select", { name: "format", onchange: () => this.#draw() }, choices(FORMATS));
  #preset = presetSelect("As they were approved", {
    name: "preset",
    words: (title) => `For ${title}`,
    onchange: () => this.#draw(),
  });
  #place = h("input", {
    name: "pictures_at",
    type: "url",
    maxlength: 2048,
    placeholder: "https://…",
    onchange: () => this.#draw(), // a file of uploaded pictures was last downloaded at another time
  });
  #since = h("select", { name: "since" });
  #shop = null;
  #hint = h("p", { class: "hint" });
  #last;

  /** `last` is the LastDownload of the same; null where single products are chosen. */
  constructor(last) {
    this.#last = last;
    this.presetField = field("Pictures", this.#preset);
    this.placeField = field("Address of the uploaded pictures", this.#place);
    this.sinceField = field("Approved", this.#since);
    this.#draw();
  }

  /** What the export needs, by its parameters' names; null when it was cancelled. */
  async ask(words, warnings) {
    const wanted = await ask({
      title: "Download approved",
      body: [
        h("p", {}, words),
        ...warnings,
        field("File", this.#format),
        this.presetField,
        this.placeField,
        this.#hint,
        this.#last && this.sinceField,
      ],
      yes: "Download",
      answer: () => this.#answer(),
    });
    if (wanted && this.#format.value === "zip") rememberPreset(wanted.preset);
    if (wanted && this.#isForShop) remember(`pictures_at ${this.#format.value}`, wanted.pictures_at);
    return wanted;
  }

  get #isForShop() {
    return SHOPS.includes(this.#format.value);
  }

  get #picturesAt() {
    return this.#isForShop ? this.#place.value.trim() : "";
  }

  /** What a download is remembered by. A shop's file has a preset's names only with uploaded pictures. */
  get #kind() {
    const withPreset = this.#format.value === "zip" || this.#picturesAt;
    return { format: this.#format.value, preset: withPreset ? this.#preset.value : "" };
  }

  #answer() {
    const since = this.#last ? this.#since.value : "";
    return { ...this.#kind, pictures_at: this.#picturesAt, since };
  }

  /** Show the fields that the chosen file has. */
  #draw() {
    const format = this.#format.value;
    this.presetField.hidden = format !== "zip" && !this.#isForShop;
    this.placeField.hidden = !this.#isForShop;
    this.#place.disabled = !this.#isForShop; // a wrong address stops no other file
    this.#recallPlace();
    this.#hint.textContent = HINTS[format] ?? "";
    this.#hint.hidden = !HINTS[format];
    const [chosen] = this.#since.selectedOptions;
    this.#since.replaceChildren(...choices(this.#periods()));
    if (chosen)
      for (const option of this.#since.options) option.selected = periodOf(option) === periodOf(chosen);
  }

  /** Each shop has its own address; what is typed stays until another shop is chosen. */
  #recallPlace() {
    const format = this.#format.value;
    if (!this.#isForShop || this.#shop === format) return;
    this.#shop = format;
    this.#place.value = recall(`pictures_at ${format}`) ?? "";
  }

  #periods() {
    const before = (days) => new Date(Date.now() - days * DAY_MS).toISOString();
    const last = this.#last?.of(this.#kind);
    return [
      ["", "At any time"],
      last && [last.since, `Since this was last downloaded here, ${ago(last.moment)}`],
      [before(1), "In the last 24 hours"],
      [before(7), "In the last 7 days"],
      [before(30), "In the last 30 days"],
    ].filter(Boolean);
  }
}
