// Approved pictures as a file for the shop: what is asked for, and how far it is.

import { Away, Problem } from "./api.js";
import { ask } from "./dialog.js";
import { h, pageData } from "./dom.js";
import { recall, remember } from "./memory.js";
import { at } from "./place.js";
import { toast } from "./toast.js";
import { entriesOf } from "./upload/zip.js";
import { bytes, count, many } from "./words.js";

/** Products that one address can name. */
export const MOST_NAMED = 300;
/** What is received goes into a Blob, which a browser keeps on disk, once it is this large. */
const TOGETHER = 16e6;
const FORMATS = [
  ["zip", "ZIP of the pictures"],
  ["csv", "CSV, a line for each picture"],
  ["jsonl", "JSON, a line for each picture"],
  ["shopify", "CSV for Shopify's importer"],
  ["woocommerce", "CSV for WooCommerce's importer"],
];
/** The presets that a ZIP can be made for: `[[name, title]]`. */
const { presets } = pageData();

/** Ask how, and download. `chosen` is {products, batch, category, sku}; `words` says what that is. */
export async function download(chosen, words) {
  const wanted = await askHow(words);
  if (!wanted) return;
  remember("preset", wanted.preset);
  const given = Object.entries({ ...chosen, ...wanted }).filter(([, value]) => value);
  const query = given.map(([name, value]) => `${name}=${encodeURIComponent(value).replaceAll("%2C", ",")}`);
  await new Download(`/api/export?${query.join("&")}`, wanted.format).run();
}

async function askHow(words) {
  const last = recall("preset") ?? "";
  const preset = h(
    "select",
    { name: "preset" },
    h("option", { value: "" }, "As they were approved"),
    presets.map(([name, title]) => h("option", { value: name, selected: name === last }, `For ${title}`)),
  );
  const presetField = h("label", { class: "field" }, h("span", {}, "Pictures"), preset);
  const format = h(
    "select",
    { name: "format", onchange: () => (presetField.hidden = format.value !== "zip") },
    FORMATS.map(([value, label]) => h("option", { value }, label)),
  );
  return ask({
    title: "Download approved",
    body: [
      h("p", {}, words),
      h("label", { class: "field" }, h("span", {}, "File"), format),
      presetField,
      h("p", { class: "hint" }, "A ZIP has the pictures under your names, products.csv and manifest.json."),
    ],
    yes: "Download",
    answer: () => ({ format: format.value, preset: format.value === "zip" ? preset.value : "" }),
  });
}

/** One file on its way: counted while it comes, kept only when it is whole. */
class Download {
  #received = 0;
  #pictures = 0;
  #parts = [];
  #pending = [];
  #tail = new Uint8Array(0);
  #stop = new AbortController();

  constructor(url, format) {
    this.url = url;
    this.format = format;
    this.bar = h("progress", { class: "download-bar", "aria-label": "Downloaded" });
    this.words = h("span", {}, "The file is being made.");
  }

  async run() {
    const close = toast([this.words, this.bar], {
      title: "Downloading",
      actions: [["Cancel", () => this.#stop.abort()]],
    });
    try {
      const file = await this.#read(await this.#asked());
      const left = await this.#check(file);
      save(file, nameOf(this.format));
      close();
      toast(...this.#done(file, left));
    } catch (error) {
      close();
      if (error.name === "AbortError") return;
      if (!(error instanceof Away || error instanceof Problem)) throw error;
      toast(`${error.message}. Nothing was saved.`, { title: "No download", kind: "bad", stay: true });
    }
  }

  async #asked() {
    let answer;
    try {
      answer = await fetch(at(this.url), { signal: this.#stop.signal, cache: "no-store" });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Away("Packshot can't be reached");
    }
    if (!answer.ok) throw new Problem(answer.status, await answer.json().catch(() => null), 0);
    return answer;
  }

  async #read(answer) {
    const all = Number(answer.headers.get("Packshot-Pictures"));
    if (all) this.bar.max = all;
    try {
      for (const reader = answer.body.getReader(); ; ) {
        const { done, value } = await reader.read();
        if (done) break;
        this.#take(value, all);
      }
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Away("The download broke off: the server's log says why");
    }
    return new Blob([...this.#parts, ...this.#pending], { type: answer.headers.get("Content-Type") });
  }

  #take(piece, all) {
    this.#received += piece.length;
    this.#pending.push(piece);
    if (this.#pending.reduce((sum, one) => sum + one.length, 0) > TOGETHER) {
      this.#parts.push(new Blob(this.#pending));
      this.#pending = [];
    }
    if (!all) {
      this.words.textContent = bytes(this.#received);
      return;
    }
    this.#count(piece);
    this.#pictures = Math.min(this.#pictures, all);
    this.bar.value = this.#pictures;
    this.words.textContent = `${count(this.#pictures)} of ${many(all, "picture")} · ${bytes(this.#received)}`;
  }

  /** Each file in a ZIP begins with a local file header (APPNOTE 6.3.10, 4.3.7): "PK", 3, 4. */
  #count(piece) {
    const joined = new Uint8Array(this.#tail.length + piece.length);
    joined.set(this.#tail);
    joined.set(piece, this.#tail.length);
    for (let place = joined.indexOf(0x50); place >= 0; place = joined.indexOf(0x50, place + 1))
      if (joined[place + 1] === 0x4b && joined[place + 2] === 3 && joined[place + 3] === 4)
        this.#pictures += 1;
    this.#tail = joined.slice(-3);
  }

  /** What the ZIP says was left out. Throws Away for one that is not whole. */
  async #check(file) {
    if (this.format !== "zip") return [];
    let entries;
    try {
      entries = await entriesOf(new File([file], nameOf("zip")));
    } catch (error) {
      if (/too large/.test(error.message)) return [];
      throw new Away("The download broke off: the server's log says why");
    }
    const note = entries.find((entry) => entry.path === "LEFT-OUT.txt");
    return note ? (await (await note.read()).text()).trim().split("\r\n") : [];
  }

  #done(file, left) {
    const size = `${nameOf(this.format)}, ${bytes(file.size)}`;
    if (!left.length) return [size, { title: "Downloaded", stay: false }];
    const list = h(
      "ul",
      { class: "left-out-list" },
      left.slice(0, 20).map((line) => h("li", {}, line)),
    );
    const more =
      left.length > 20 ? [h("p", {}, `and ${count(left.length - 20)} more: see LEFT-OUT.txt`)] : [];
    return [
      [
        h("p", {}, size),
        h("p", {}, `${many(left.length, "picture was", "pictures were")} left out:`),
        list,
        ...more,
      ],
      { title: "Downloaded, not all of it", kind: "bad", stay: true },
    ];
  }
}

const nameOf = (format) =>
  ({ zip: "approved.zip", csv: "approved.csv", jsonl: "approved.jsonl" })[format] ?? `${format}.csv`;

function save(file, name) {
  const address = URL.createObjectURL(file);
  const link = h("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
