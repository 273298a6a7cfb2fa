// Photos that have products already: they are found by their bytes, before they are uploaded.

import { call } from "../api.js";
import { FIELDS } from "../constants.js";
import { LIMITS } from "./limits.js";
import { sha256 } from "./sha256.js";

export class KnownPhotos {
  /** photo -> its SHA-256: a photo is read once, however often its plan changes. */
  #digests = new WeakMap();

  /**
   * `known`: `Map` row -> `{product_id, differs}` of the product that has its photo under the same SKU and view;
   * `elsewhere`: row -> `{product_id, sku, view}` of one that has it under others; `sameView`: row ->
   * `{product_id, sku, view, status, version}` of one with its SKU and view and another photo; `repeated`: row ->
   * the photo before it that is the same, of its SKU; `copies`: the same for those that are made once, because
   * they have one view, or are named as copies.
   * `show(row)` is called for each checked photo. Throws Away, Problem.
   */
  async find(rows, photos, show = () => {}) {
    const known = new Map();
    const elsewhere = new Map();
    const sameView = new Map();
    const copies = new Map();
    const hashed = [];
    for (const row of rows.filter((one) => one.photo)) {
      const sha256 = await this.#digestOf(photos.get(row.photo));
      if (sha256) hashed.push({ row, sha256 });
      show(row);
    }
    const most = LIMITS.request_products;
    for (let from = 0; from < hashed.length; from += most) {
      const part = hashed.slice(from, from + most);
      const found = await ask(part);
      for (const one of found.duplicates) known.set(part[one.index].row, one);
      for (const one of found.elsewhere) elsewhere.set(part[one.index].row, one);
      for (const one of found.same_view) sameView.set(part[one.index].row, one);
      for (const { index, first } of found.copies) copies.set(part[index].row, part[first].row.photo);
    }
    return { known, elsewhere, sameView, copies, repeated: repeatedIn(hashed) };
  }

  async #digestOf(photo) {
    if (!this.#digests.has(photo)) this.#digests.set(photo, await hash(photo));
    return this.#digests.get(photo);
  }
}

function repeatedIn(hashed) {
  const first = new Map();
  const repeated = new Map();
  for (const { row, sha256 } of hashed.filter((one) => one.row.fields.sku)) {
    const key = `${sha256} ${row.fields.sku}`;
    if (first.has(key)) repeated.set(row, first.get(key));
    else first.set(key, row.photo);
  }
  return repeated;
}

/** Null for a photo that can't be read: the upload says why. */
async function hash(photo) {
  try {
    const bytes = new Uint8Array(await (await photo.read()).arrayBuffer());
    const digest = crypto.subtle ? await crypto.subtle.digest("SHA-256", bytes) : sha256(bytes);
    return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  } catch {
    return null;
  }
}

/** What is compared of a row, as far as it is given. */
const COMPARED = [...FIELDS.map(({ name }) => name).filter((name) => name !== "raw_image"), "attributes"];

async function ask(part) {
  const photos = part.map(({ row, sha256 }) => ({
    sha256,
    ...Object.fromEntries(COMPARED.map((name) => [name, row.fields[name] ?? null])),
  }));
  return (await call("POST", "/api/products/duplicates", { body: { photos } })).body.data;
}
