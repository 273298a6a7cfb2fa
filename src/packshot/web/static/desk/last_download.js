// When this browser last downloaded the same, so that the next download may have only what is new.

import { recall, remember } from "./memory.js";

/** Answers begin a little after the moment up to which they are complete. */
const MARGIN_MS = 60_000;

export class LastDownload {
  #chosen;

  /** What is downloaded. */
  constructor({ batch, category, sku }) {
    this.#chosen = [batch, category, sku];
  }

  /** `{moment, since}` of the last download of `{format, preset}`, and since when approvals are new; null before it. */
  of(wanted) {
    const moment = recall(this.#name(wanted));
    return moment && { moment, since: new Date(Date.parse(moment) - MARGIN_MS).toISOString() };
  }

  /**
   * Note that such a download, which the server began to answer at `moment`, is complete; not if it began later
   * than the last one ended, because the next one must have what lies between them.
   */
  remember(wanted, moment) {
    const last = this.of(wanted);
    if (last && wanted.since > last.since) return;
    remember(this.#name(wanted), new Date(moment).toISOString());
  }

  #name({ format, preset }) {
    return `downloaded ${JSON.stringify([...this.#chosen, format, preset])}`;
  }
}
