// Loads more products long before they run out; retries if necessary.

import { isExpected, session } from "../api.js";
import { LONGEST_WAIT_S } from "../outbox.js";

const FILL_AGAIN_MS = 2_000;

export class Filling {
  #queue;
  #running = false;
  failed = false;

  /** `came()` is called after each attempt. */
  constructor(queue, came) {
    this.#queue = queue;
    this.came = came;
  }

  async run() {
    if (this.#running) return;
    this.#running = true;
    try {
      while (this.#queue.runsLow) {
        const error = await this.#once();
        this.failed = error !== null;
        this.came();
        if (error) await waitToRetry(error);
      }
    } finally {
      this.#running = false;
    }
  }

  /** Fill the queue; return the error, or null. */
  async #once() {
    try {
      await this.#queue.fill();
      return null;
    } catch (error) {
      if (!isExpected(error)) throw error;
      return error;
    }
  }
}

/** Wait as long as the server asks; if nobody is signed in, until the next sign-in. */
function waitToRetry(error) {
  return new Promise((resolve) => {
    if (error.status === 401) session.addEventListener("started", resolve, { once: true });
    else setTimeout(resolve, Math.max(FILL_AGAIN_MS, 1_000 * Math.min(error.retryAfter, LONGEST_WAIT_S)));
  });
}
