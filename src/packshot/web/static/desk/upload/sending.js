// Uploads photos a few at a time, then creates their products, a thousand in a request.

import { Away, call, NOBODY_THERE, Problem } from "../api.js";
import { at } from "../place.js";
import { unique } from "../unique.js";
import { LIMITS } from "./limits.js";

const CONCURRENT_UPLOADS = 3;
const BUSY_MS = 600_000;
const TRIES = 3;
const MAX_BYTES = LIMITS.request_bytes - 10_000; // for what is around the products

/** Remembers what was uploaded and created, so that trying again creates nothing twice. */
export class Sending {
  #uploaded = new Map();
  #keys = new Map();

  /**
   * Upload the rows' photos. `show(row, words, part)` is called with the progress of each. Returns
   * the rows whose photo was refused, `[{row, why}]`. Throws Away.
   */
  async uploadAll(rows, photos, show) {
    const waiting = rows.filter((row) => row.photo && !this.#uploaded.has(row.photo));
    const refused = [];
    const uploads = Array.from({ length: CONCURRENT_UPLOADS }, async () => {
      for (let row = waiting.shift(); row; row = waiting.shift()) {
        const why = await this.#upload(row, photos.get(row.photo), show);
        if (why) refused.push({ row, why });
      }
    });
    await Promise.all(uploads);
    return refused;
  }

  /**
   * Create the rows' products; `options` are `lane` and `pixel_lock` of the bulk call, null: the server's.
   * Returns `{created, refused, skipped}`. Throws Away, Problem.
   */
  async create(rows, again, options = {}) {
    const made = { created: [], refused: [], skipped: [] };
    for (const part of this.#parts(rows)) {
      const data = await this.#createPart(part, again, options);
      made.created.push(...data.products);
      made.skipped.push(...(data.skipped ?? []).map((one) => ({ row: part[one.index], known: one })));
      const errors = data.errors ?? [];
      made.refused.push(...errors.map((one) => ({ row: part[one.index], why: reasons(one.errors) })));
    }
    return made;
  }

  /**
   * Give products the rows' uploaded photos, `[{row, same}]`. Returns `{replaced, refused}`: the products, and the
   * rows with why. Throws Away, Problem.
   */
  async replace(pairs) {
    const made = { replaced: [], refused: [] };
    for (const { row, same } of pairs) {
      const url = `/api/products/${same.product_id}/photo`;
      const body = { raw_image: this.#uploaded.get(row.photo) };
      const headers = { "If-Match": `"${same.version}"` };
      try {
        made.replaced.push((await call("PUT", url, { body, headers, timeout: 60_000 })).body.data.product);
      } catch (error) {
        if (!(error instanceof Problem) || error.isTemporary) throw error;
        made.refused.push({ row, why: error.message });
      }
    }
    return made;
  }

  /** Split the rows into parts that each fit into one request. */
  #parts(rows) {
    const parts = [];
    let size = MAX_BYTES;
    for (const row of rows) {
      const needed = new Blob([JSON.stringify(this.#product(row))]).size + 1;
      const part = parts.at(-1);
      const fits = part && part.length < LIMITS.request_products && size + needed <= MAX_BYTES;
      if (fits) part.push(row);
      else parts.push([row]);
      size = fits ? size + needed : needed;
    }
    return parts;
  }

  async #createPart(rows, again, options) {
    const asked = Object.entries(options).filter(([, value]) => value !== null);
    const body = { products: rows.map((row) => this.#product(row)), ...Object.fromEntries(asked) };
    const url = `/api/products/bulk?on_error=skip&on_duplicate=${again ? "create" : "skip"}`;
    const headers = { "Idempotency-Key": this.#keyOf(JSON.stringify(body) + url) };
    return (await call("POST", url, { body, headers, timeout: 60_000 })).body.data;
  }

  #product(row) {
    return row.photo ? { ...row.fields, raw_image: this.#uploaded.get(row.photo) } : row.fields;
  }

  /** The same body gets the same key: sent again after a lost answer it creates nothing twice. */
  #keyOf(text) {
    if (!this.#keys.has(text)) this.#keys.set(text, unique());
    return this.#keys.get(text);
  }

  async #upload(row, photo, show) {
    try {
      const file = await photo.read();
      this.#uploaded.set(row.photo, await sendInTurn(file, (words, part) => show(row, words, part)));
      show(row, "Uploaded", 1);
      return null;
    } catch (error) {
      if (error instanceof Away || (error instanceof Problem && error.isTemporary)) throw error;
      return error.message;
    }
  }
}

const reasons = (errors) =>
  errors.map((error) => `${fieldWords(error.pointer.split("/").pop())} ${error.detail}`).join("; ");

const fieldWords = (name) => (name === "raw_image" ? "photo" : name.replaceAll("_", " "));

/**
 * The server accepts a few uploads at the same time and refuses others as busy: those wait as long as it
 * asks and try again. Other temporary errors are retried a few times. Resolves with the raw_image.
 */
async function sendInTurn(file, show) {
  const giveUp = Date.now() + BUSY_MS;
  for (let tries = 0; ; ) {
    try {
      return await send(file, (part) => show("Uploading", part));
    } catch (error) {
      const busy = error.code === "busy" && Date.now() < giveUp;
      if (!busy) tries += 1;
      const isTemporary = error instanceof Away || NOBODY_THERE.has(error.status);
      if (!busy && !(isTemporary && tries < TRIES)) throw error;
      show(busy ? "Waiting for its turn" : "Trying again", 0);
      const seconds = (error.retryAfter || 2) * (1 + Math.random() / 2);
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    }
  }
}

/** Send a file by XMLHttpRequest, which reports progress. */
function send(file, progressed) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.responseType = "json";
    request.upload.addEventListener(
      "progress",
      (event) => event.lengthComputable && progressed(event.loaded / event.total),
    );
    request.addEventListener("error", () => reject(new Away("the upload was interrupted")));
    request.addEventListener("load", () => {
      if (request.status === 201) resolve(request.response.data.raw_image);
      else reject(problemOf(request));
    });
    request.open("POST", at("/api/uploads"));
    const body = new FormData();
    body.append("file", file, "photo");
    request.send(body);
  });
}

const problemOf = (request) =>
  new Problem(request.status, request.response, Number(request.getResponseHeader("Retry-After")) || 0);
