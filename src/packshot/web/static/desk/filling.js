// Loads more products long before they run out; retries if necessary.

import { foreseen, session } from "./api.js";
import { LONGEST_WAIT_S } from "./outbox.js";

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
        const trouble = await this.#once();
        this.failed = trouble !== null;
        this.came();
        if (trouble) await worthAskingAgain(trouble);
      }
    } finally {
      this.#running = false;
    }
  }

  /** What went wrong, or null. */
  async #once() {
    try {
      await this.#queue.fill();
      return null;
    } catch (error) {
      if (!foreseen(error)) throw error;
      return error;
    }
  }
}

/** After the pause that the server asks for; when nobody is signed in, after the next sign-in. */
function worthAskingAgain(error) {
  return new Promise((resolve) => {
    if (error.status === 401) session.addEventListener("started", resolve, { once: true });
    else setTimeout(resolve, Math.max(FILL_AGAIN_MS, 1_000 * Math.min(error.retryAfter, LONGEST_WAIT_S)));
  });
}
