// One download: counted while it arrives, checked, and saved only when complete.

import { Away, Problem } from "../api.js";
import { h, pageData } from "../dom.js";
import { at } from "../place.js";
import { toast } from "../toast.js";
import { entriesOf } from "../upload/zip.js";
import { bytes, count, ended, many } from "../words.js";

/** What is received goes into a Blob, which a browser keeps on disk, once it is this large. */
const BLOB_BYTES = 16e6;
/** Files that are named one by one. */
const FEW = 5;

export class Download {
  #received = 0;
  #pictures = 0;
  #parts = [];
  #pending = [];
  #tail = new Uint8Array(0);
  #stop = new AbortController();

  constructor(url, { format, preset }) {
    this.url = url;
    this.format = format;
    this.name = nameOf(format, preset);
    this.bar = h("progress", { class: "download-bar", "aria-label": "Downloaded" });
    this.words = h("span", {}, "The file is being made.");
  }

  /** Resolves with the server's time when the answer began, in ms; null if there is no file. */
  async run() {
    const close = toast([this.words, this.bar], {
      title: "Downloading",
      actions: [["Cancel", () => this.#stop.abort()]],
    });
    try {
      const answer = await this.#asked();
      const file = await this.#read(answer);
      const notes = await this.#check(file);
      save(file, this.name);
      close();
      toast(...this.#done(file, notes));
      return Date.parse(answer.headers.get("Date")) || null;
    } catch (error) {
      close();
      if (error.name === "AbortError") return null;
      if (!(error instanceof Away || error instanceof Problem)) throw error;
      toast(`${ended(error.message)} Nothing was saved.`, { title: "No download", kind: "bad", stay: true });
      return null;
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
      throw new Away("The download was interrupted. The server's log says why");
    }
    return new Blob([...this.#parts, ...this.#pending], { type: answer.headers.get("Content-Type") });
  }

  #take(piece, all) {
    this.#received += piece.length;
    this.#pending.push(piece);
    if (this.#pending.reduce((sum, one) => sum + one.length, 0) > BLOB_BYTES) {
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

  /** What the ZIP says was left out and what fails. Throws Away for one that is not whole. */
  async #check(file) {
    if (this.format !== "zip") return { left: [], failing: [], mainless: [] };
    let entries;
    try {
      entries = await entriesOf(new File([file], this.name));
    } catch {
      throw new Away("The download was interrupted. The server's log says why");
    }
    const left = (await textOf(entries, "LEFT-OUT.txt")).trim();
    const compliance = await textOf(entries, "compliance.csv");
    return {
      left: left ? left.split("\r\n") : [],
      failing: failuresOf(compliance),
      mainless: mainlessOf(compliance),
    };
  }

  #done(file, { left, failing, mainless }) {
    const size = `${this.name}, ${bytes(file.size)}`;
    if (!left.length && !failing.length && !mainless.length)
      return [size, { title: "Downloaded", stay: false }];
    return [
      [
        h("p", {}, size),
        ...listed(
          failureLines(failing),
          `${many(failing.length, "picture fails", "pictures fail")} the marketplace's rules:`,
          "compliance.csv",
        ),
        ...listed(
          mainless,
          `${many(mainless.length, "SKU has", "SKUs have")} no main picture in it:`,
          "compliance.csv",
        ),
        ...listed(left, `${many(left.length, "picture was", "pictures were")} left out:`, "LEFT-OUT.txt"),
      ],
      { title: left.length ? "Downloaded, not all of it" : "Downloaded", kind: "bad", stay: true },
    ];
  }
}

function listed(lines, words, file) {
  if (!lines.length) return [];
  const more = lines.length > 20 ? `and ${count(lines.length - 20)} more: see ${file}` : `See ${file} in it.`;
  const list = lines.slice(0, 20).map((line) => h("li", {}, line));
  const scrolled = { class: "left-out-list", tabindex: "0", "aria-label": words };
  return [h("p", {}, words), h("ul", scrolled, list), h("p", {}, more)];
}

async function textOf(entries, path) {
  const entry = entries.find((one) => one.path === path);
  return entry ? (await entry.read()).text() : "";
}

const CELL = '"((?:[^"]|"")*)"';

/** The rules that each file fails. Every cell is quoted: file, rule, required, measured, verdict. */
function failuresOf(compliance) {
  const rules = new Map();
  for (const [, file, rule] of compliance.matchAll(
    new RegExp(`^${CELL},${CELL},${CELL},${CELL},"fail"`, "gm"),
  ))
    rules.set(file, [...(rules.get(file) ?? []), rule]);
  return [...rules].map(([file, failed]) => [file, failed.join(", ")]);
}

/** `["JAR-9.MAIN.jpg (border white, fill)"]`; of many files a line for each rule, `["border white: JAR-9.MAIN.jpg and 111 more"]`. */
function failureLines(failing) {
  if (failing.length <= FEW) return failing.map(([file, rules]) => `${file} (${rules})`);
  const alike = [...Map.groupBy(failing, ([, rules]) => rules)].sort(
    ([, one], [, other]) => other.length - one.length,
  );
  return alike.map(
    ([rules, files]) =>
      `${rules}: ${files[0][0]}${files.length > 1 ? ` and ${count(files.length - 1)} more` : ""}`,
  );
}

/** `["RING-1.PT02.jpg"]`: the first picture of each SKU without number 1. */
const mainlessOf = (compliance) =>
  [...compliance.matchAll(new RegExp(`^${CELL},"${pageData().no_main_rule}"`, "gm"))].map(([, file]) => file);

const nameOf = (format, preset) =>
  ({ zip: preset ? `approved.${preset}.zip` : "approved.zip", csv: "approved.csv", jsonl: "approved.jsonl" })[
    format
  ] ?? `${format}.csv`;

function save(file, name) {
  const address = URL.createObjectURL(file);
  const link = h("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
