// The files chosen so far: photos by their paths, one spreadsheet, and unusable files.

import { bytes, many } from "../words.js";
import { whyUnusable } from "./check.js";
import { isSheet, LIMITS } from "./limits.js";
import { entriesOf } from "./zip.js";

const ZIP = /\.zip$/i;
const TABLE_LINES = 3;
const FEED_BEGINNING = 2_000;

/** A .txt whose first lines have as many separators each, as marketplaces export them, or a product feed in XML. */
async function isTable(path, file) {
  if (!/\.(txt|xml)$/i.test(path)) return false;
  const beginning = new Uint8Array(await file.slice(0, LIMITS.table_bytes).arrayBuffer());
  const marked = beginning[0] === 0xff && beginning[1] === 0xfe;
  const text = new TextDecoder(marked ? "utf-16le" : "latin1").decode(beginning);
  const start = text.slice(0, FEED_BEGINNING).replace(/^(ï»¿|\ufeff)?\s*/, "");
  if (start.startsWith("<")) return /<(rss|feed)/i.test(start);
  const lines = text
    .split(/\r\n|\r|\n/)
    .slice(0, TABLE_LINES)
    .filter((line) => line.trim());
  const counts = (sign) => lines.map((line) => line.split(sign).length - 1);
  if (lines.length < 2) return false;
  if (Math.min(...counts("\t")) > 0) return true;
  return [";", ","].some((sign) => counts(sign)[0] > 1 && new Set(counts(sign)).size === 1);
}

export class Chosen {
  sheet = null;
  photos = new Map();
  refused = [];
  /** photo -> why it can't be used. */
  unusable = new Map();
  #checked = new Set();

  get isEmpty() {
    return !this.sheet && !this.photos.size && !this.refused.length;
  }

  /**
   * Add `[{path, file}]`: spreadsheets, ZIPs, and everything else as photos, whose names the server checks.
   */
  async add(given) {
    for (const { path, file } of given) {
      if (ZIP.test(path)) await this.#addZip(file);
      else if (isSheet(path) || (await isTable(path, file))) this.#addSheet(file);
      else await this.#addPhoto({ path, size: file.size, file, read: async () => file });
    }
  }

  clear() {
    this.sheet = null;
    this.photos.clear();
    this.refused = [];
    this.unusable = new Map();
    this.#checked.clear();
  }

  /** Check the photos that were not checked yet; `progress(done, total)`. */
  async check(progress) {
    const waiting = [...this.photos].filter(([path]) => !this.#checked.has(path));
    for (const [place, [path, photo]] of waiting.entries()) {
      progress(place, waiting.length);
      this.#checked.add(path);
      const why = await whyUnusable(photo);
      if (this.photos.get(path) !== photo) return; // cleared meanwhile
      if (why) this.unusable.set(path, why);
    }
  }

  #addSheet(file) {
    if (this.sheet && this.sheet.name !== file.name)
      this.#refuse(this.sheet.name, `is replaced by ${file.name}: one spreadsheet at a time`);
    this.sheet = file;
  }

  async #addZip(file) {
    try {
      const entries = await entriesOf(file);
      const named = entries.filter((entry) => entry.path !== null);
      for (const entry of named) await this.#addPhoto(entry);
      const lost = many(entries.length - named.length, "name");
      if (named.length < entries.length)
        this.#refuse(file.name, `has ${lost} in an unknown encoding: make it again with names in UTF-8`);
    } catch (error) {
      this.#refuse(file.name, error.message);
    }
  }

  async #addPhoto(photo) {
    const known = this.photos.get(photo.path);
    const same = known && (await areSame(known, photo));
    if (known && !same && !this.unusable.has(photo.path))
      this.#refuse(photo.path, "another file with this name was chosen before");
    else if (photo.size > LIMITS.photo_bytes)
      this.#refuse(photo.path, `is ${bytes(photo.size)} large: at most ${LIMITS.photo_bytes / 1e6} MB`);
    else if (!same) this.#take(photo);
  }

  /** A photo that could not be used is replaced by a better one of its name. */
  #take(photo) {
    this.photos.set(photo.path, photo);
    this.unusable.delete(photo.path);
    this.#checked.delete(photo.path);
  }

  #refuse(file, why) {
    this.refused.push({ file, why });
  }
}

/** Whether two files are one: chosen twice, or equal in every byte. */
async function areSame(one, other) {
  if (one.size !== other.size) return false;
  if (one.file && other.file && one.file.lastModified === other.file.lastModified) return true;
  if (one.size > LIMITS.photo_bytes) return false;
  try {
    const [first, second] = await Promise.all([one, other].map(bytesOf));
    return first.every((byte, at) => byte === second[at]);
  } catch {
    return false; // one can't be read: it is named
  }
}

const bytesOf = async (photo) => new Uint8Array(await (await photo.read()).arrayBuffer());
