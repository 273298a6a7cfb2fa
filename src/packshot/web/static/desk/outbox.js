// Decisions on their way to the server: kept, retried, counted; one at a time for each product.

import { Away, Problem, call, connection, session } from "./api.js";
import { unique } from "./dom.js";
import { tabRecall, tabRemember } from "./memory.js";

const PAUSES_MS = [500, 1_000, 2_000, 4_000, 8_000, 15_000];
const KEPT = "outbox";
const TOGETHER = 4;

/**
 * A job is `{id, product, words, steps: [{kind, url, body}], expects}`.
 * Events: `change` (size), `saved` {job, product}, `refused` {job, problem}.
 */
class Outbox extends EventTarget {
  #jobs = [];
  #busy = new Set();
  #versions = new Map();
  #paused = false;
  #wake = new Set();

  constructor() {
    super();
    connection.addEventListener("change", () => connection.online && this.#awake());
    session.addEventListener("ended", () => (this.#paused = true));
    session.addEventListener("started", () => {
      this.#paused = false;
      this.#awake();
      this.#run();
    });
    addEventListener("beforeunload", (event) => this.size > 0 && event.preventDefault());
  }

  get size() {
    return this.#jobs.length;
  }

  /** Products with something unsaved. */
  has(product) {
    return this.#jobs.some((job) => job.product === product);
  }

  /** Remember the newest version seen of a product; an older one is ignored. */
  seen(product) {
    if (this.has(product.id)) return;
    this.#versions.set(product.id, Math.max(product.version, this.#versions.get(product.id) ?? 0));
  }

  add(job) {
    this.#jobs.push({ id: unique(), done: 0, ...job });
    this.#changed();
    this.#run();
  }

  /** Take back a job that was not sent yet; false when it is on its way or done. */
  cancel(product) {
    const place = this.#jobs.findLastIndex((job) => job.product === product);
    if (place < 0 || this.#jobs[place].sent) return false;
    this.#jobs.splice(place, 1);
    this.#changed();
    return true;
  }

  /** What a page before this one could not save any more. */
  restore() {
    const kept = tabRecall(KEPT);
    if (!kept) return;
    this.#versions = new Map(kept.versions);
    this.#jobs = kept.jobs;
    this.#changed();
    this.#run();
  }

  #changed() {
    const versions = [...this.#versions].filter(([product]) => this.has(product));
    tabRemember(KEPT, this.size ? { jobs: this.#jobs, versions } : null);
    this.dispatchEvent(new Event("change"));
  }

  #run() {
    for (const job of [...this.#jobs]) {
      if (this.#paused || this.#busy.size >= TOGETHER) return;
      if (!this.#busy.has(job.product)) this.#work(job);
    }
  }

  async #work(job) {
    this.#busy.add(job.product);
    try {
      while (job.done < job.steps.length) await this.#step(job);
      this.#finish(job, "saved", { product: job.answer });
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      this.#drop(job.product);
      this.#finish(job, "refused", { problem });
    }
  }

  #finish(job, event, detail) {
    this.#jobs = this.#jobs.filter((other) => other !== job);
    this.#busy.delete(job.product);
    this.#changed();
    this.dispatchEvent(new CustomEvent(event, { detail: { job, ...detail } }));
    this.#run();
  }

  /** A refused job takes those that were built on it with it. */
  #drop(product) {
    this.#jobs = this.#jobs.filter((job) => job.product !== product || job.sent);
  }

  async #step(job) {
    const step = job.steps[job.done];
    for (let attempt = 0; ; attempt += 1) {
      while (this.#paused) await this.#sleep(60_000);
      try {
        job.sent = true;
        const answer = await call(
          "POST",
          step.url,
          { body: step.body, version: this.#versions.get(job.product), keepalive: true },
        );
        return this.#done(job, answer.body.data.product);
      } catch (error) {
        if (this.#isDone(error, step)) return this.#done(job, error.product);
        if (!passes(error)) throw error;
        await this.#sleep(Math.max(
          (error.retryAfter ?? 0) * 1000,
          PAUSES_MS[Math.min(attempt, PAUSES_MS.length - 1)],
        ));
      }
    }
  }

  #done(job, product) {
    job.done += 1;
    job.answer = product;
    this.#versions.set(product.id, product.version);
  }

  /** A stale version whose state is what we asked for: our own answer was lost on the way back. */
  #isDone(error, step) {
    if (!(error instanceof Problem) || error.status !== 412 || !error.product) return false;
    const product = error.product;
    if (step.kind === "enhance") {
      return product.status === "pending" && (product.instructions ?? "") === (step.body.instructions ?? "");
    }
    return product.images.every((image) => image.status === step.expects[image.id]);
  }

  #sleep(ms) {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#wake.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      this.#wake.add(wake);
    });
  }

  #awake() {
    for (const wake of [...this.#wake]) wake();
  }
}

/** Worth trying again: nobody there, nobody signed in, or an outage. */
function passes(error) {
  return error instanceof Away || (error instanceof Problem && (error.passing || error.status === 401));
}

export const outbox = new Outbox();

/** The step that decides a whole product: `kept` are the pictures to approve. */
export function reviewStep(product, status, { kept = null, reason = null, note = null } = {}) {
  const body = { status };
  if (kept && kept.length < product.images.length) body.image_ids = kept;
  if (reason) body.reason = reason;
  if (note) body.note = note;
  const expects = Object.fromEntries(
    product.images.map((image) => [
      image.id,
      status === "approved" && kept && !kept.includes(image.id) ? "rejected" : status,
    ]),
  );
  return { kind: "review", url: `/api/products/${product.id}/review`, body, expects };
}

export function enhanceStep(product, instructions) {
  return {
    kind: "enhance",
    url: `/api/products/${product.id}/enhance`,
    body: instructions ? { instructions } : {},
  };
}
