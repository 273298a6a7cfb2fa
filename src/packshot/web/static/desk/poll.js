// Polls the server cheaply: an unchanged state costs a 304, a hidden page costs nothing.

import { call, isExpected } from "./api.js";

const LONGEST_MS = 30_000;

/**
 * Asks `url()` every `every()` ms and hands each new answer to `changed`; hands it over again if
 * `changed` was refused a request. Pauses while the page is hidden, slows down while Packshot is
 * unreachable.
 */
export class Poll {
  #url;
  #changed;
  #every;
  #etag = "";
  #asked = "";
  #failures = 0;
  #timer = 0;
  #running = false;

  constructor(url, changed, every) {
    this.#url = url;
    this.#changed = changed;
    this.#every = every;
    document.addEventListener("visibilitychange", () => this.now());
    addEventListener("online", () => this.now());
    this.#timer = setTimeout(() => this.now(), every());
  }

  /** Ask at once. */
  async now() {
    clearTimeout(this.#timer);
    if (this.#running || document.hidden) return;
    this.#running = true;
    try {
      await this.#ask();
    } finally {
      this.#running = false;
      const pause = Math.min(LONGEST_MS, this.#every() * 2 ** this.#failures);
      this.#timer = setTimeout(() => this.now(), pause);
    }
  }

  async #ask() {
    const address = this.#url();
    if (address !== this.#asked) this.#etag = "";
    this.#asked = address;
    try {
      const answer = await call("GET", address, { etag: this.#etag });
      this.#failures = 0;
      if (answer.status === 304) return;
      this.#etag = answer.etag;
      await this.#changed(answer.body);
    } catch (error) {
      if (!isExpected(error)) throw error;
      this.#etag = ""; // what could not be shown is passed again
      this.#failures = Math.min(this.#failures + 1, 5);
    }
  }
}
