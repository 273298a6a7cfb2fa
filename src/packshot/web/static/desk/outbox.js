// Sends decisions to the server: stored, retried and counted; one at a time for each product.

import { asked as adjustmentWords } from "./adjustments.js";
import { Away, call, connection, Problem, session } from "./api.js";
import { tabRecall, tabRemember } from "./memory.js";
import { unique } from "./unique.js";

const PAUSES_MS = [500, 1_000, 2_000, 4_000, 8_000, 15_000];
/**
 * A decision is small and safe to repeat, so one that hangs is sent again much sooner than other requests.
 */
const TIMEOUTS_MS = [5_000, 10_000, 20_000];
/** A longer Retry-After counts as a refusal. */
export const LONGEST_WAIT_S = 60;
const MAX_REQUESTS = 4;
/** After this many failures the reviewer is notified, and the retries continue. */
const STUCK_AFTER = 2;

const later = (list, place) => list[Math.min(place, list.length - 1)];

/**
 * A job is `{id, product, version, words, steps: [{method?, kind, url, body, expects}]}`; `version`
 * is of the product as the reviewer saw it, unless the job waits for another one of the same product.
 * Events: `change` (size), `saved` {job, product}, `refused` {job, problem}.
 */
class Outbox extends EventTarget {
  #who = "";
  #jobs = [];
  #flying = new Set();
  #resting = new Map();
  #failures = 0;
  #rest = 0;
  #paused = false;
  #leaving = false;
  #storing = null;

  constructor() {
    super();
    connection.addEventListener("change", () => connection.online && this.tryNow());
    session.addEventListener("ended", () => (this.#paused = true));
    session.addEventListener("started", () => {
      this.#paused = false;
      this.tryNow();
    });
    addEventListener("beforeunload", (event) => this.size > 0 && !this.#leaving && event.preventDefault());
  }

  get size() {
    return this.#jobs.length;
  }

  /** The unsaved jobs, oldest first; `lastError` is the server's latest error. */
  get jobs() {
    return [...this.#jobs];
  }

  /** The number of jobs that the server keeps failing. */
  get stuck() {
    return this.#jobs.filter((job) => job.failures >= STUCK_AFTER).length;
  }

  /** Whether something of the product is unsaved. */
  has(product) {
    return this.#jobs.some((job) => job.product === product);
  }

  /** Whether the last unsaved job of the product is a decision, not the undo of one. */
  decides(product) {
    const last = this.#jobs.findLast((job) => job.product === product);
    return last !== undefined && last.status !== "pending";
  }

  add(job) {
    this.#jobs.push({ id: unique(), done: 0, ...job });
    this.#changed();
    setTimeout(() => this.#run()); // the next product is painted first
  }

  /** Remove a job that was not sent yet; false when it is being sent or done. */
  cancel(product) {
    const place = this.#jobs.findLastIndex((job) => job.product === product);
    if (place < 0 || this.#jobs[place].sent) return false;
    this.#jobs.splice(place, 1);
    this.#changed();
    return true;
  }

  /**
   * Load the jobs that an earlier page did not save, if they are this reviewer's: nobody decides for
   * another.
   */
  restore(who) {
    this.#who = who;
    this.#jobs = (tabRecall(this.#place) ?? []).map((job) => ({ ...job, sent: true, unsure: true }));
    this.#changed();
    this.#run();
  }

  /** Stop sending: another reviewer takes over the page, or its reviewer leaves. Unsaved jobs stay stored. */
  leave() {
    this.#paused = this.#leaving = true;
  }

  get #place() {
    return `outbox.${this.#who}`;
  }

  #changed() {
    this.#storing ??= Promise.resolve().then(() => this.#store());
    this.dispatchEvent(new Event("change"));
  }

  /** Once for all changes of one task: a bulk decision adds hundreds of jobs. */
  #store() {
    this.#storing = null;
    tabRemember(this.#place, this.size ? this.#jobs : null);
  }

  // -- sending -----------------------------------------------------------------------------------------

  /** Send the first job of each product, a few at a time. */
  #run() {
    const seen = new Set();
    for (const job of this.#jobs) {
      if (this.#paused || this.#rest || this.#flying.size >= MAX_REQUESTS) return;
      if (seen.has(job.product)) continue;
      seen.add(job.product);
      if (!this.#flying.has(job) && !this.#resting.has(job)) this.#send(job);
    }
  }

  async #send(job) {
    const step = job.steps[job.done];
    this.#flying.add(job);
    job.sent = true;
    try {
      const answer = await call(step.method ?? "POST", step.url, {
        body: step.body,
        version: job.version,
        keepalive: true,
        timeout: later(TIMEOUTS_MS, job.timeouts ?? 0),
      });
      this.#flying.delete(job);
      this.#done(job, answer.body.data.product);
    } catch (error) {
      this.#flying.delete(job);
      this.#failed(job, step, error);
    }
    this.#run();
  }

  #done(job, product) {
    this.#failures = job.failures = 0;
    job.done += 1;
    job.answer = product;
    job.unsure = false;
    for (const other of this.#jobs) if (other.product === product.id) other.version = product.version;
    if (job.done < job.steps.length) return this.#changed();
    this.#jobs = this.#jobs.filter((other) => other !== job);
    this.#changed();
    this.#dispatch("saved", { job, product });
  }

  #failed(job, step, error) {
    if (job.unsure && isDone(error, step)) return this.#done(job, error.product);
    if (error instanceof Away) {
      job.unsure = true;
      if (error.slow) job.timeouts = (job.timeouts ?? 0) + 1;
      return this.#restAll(error);
    }
    if (!(error instanceof Problem)) throw error;
    if (error.status === 401) return;
    if (error.status === 412 && error.product && nobodyDecided(error.product, job)) {
      error.found = news(error.product, step);
      if (!error.found.length) return this.#takeVersion(error.product);
    }
    if (!error.isTemporary || error.retryAfter > LONGEST_WAIT_S) return this.#refused(job, error);
    job.unsure ||= error.status >= 500;
    this.#restOne(job, error);
  }

  /** A check only raised the product's version: the decision is sent again for the new one. */
  #takeVersion({ id, version }) {
    for (const job of this.#jobs) if (job.product === id) job.version = version;
    this.#changed();
  }

  /** A refused job removes the jobs built on it; the last one is what the reviewer wanted. */
  #refused(job, problem) {
    const lost = this.#jobs.filter((other) => other.product === job.product);
    this.#jobs = this.#jobs.filter((other) => other.product !== job.product);
    this.#changed();
    this.#dispatch("refused", { job: { ...job, words: lost.at(-1).words }, problem });
  }

  #dispatch(event, detail) {
    this.dispatchEvent(new CustomEvent(event, { detail }));
  }

  // -- waiting -----------------------------------------------------------------------------------------

  /** A failing product must not delay others. */
  #restOne(job, error) {
    const pause = pauseOf(error, job.failures ?? 0);
    job.failures = (job.failures ?? 0) + 1;
    job.lastError = error.message;
    this.#changed();
    this.#resting.set(
      job,
      setTimeout(() => {
        this.#resting.delete(job);
        this.#run();
      }, pause),
    );
  }

  /** The server is unreachable: all jobs wait, and one of them tries again. */
  #restAll(error) {
    if (this.#rest) return;
    const pause = pauseOf(error, this.#failures);
    this.#failures += 1;
    this.#rest = setTimeout(() => {
      this.#rest = 0;
      this.#run();
    }, pause);
  }

  /** Send what waits now. */
  tryNow() {
    clearTimeout(this.#rest);
    this.#rest = 0;
    for (const timer of this.#resting.values()) clearTimeout(timer);
    this.#resting.clear();
    this.#run();
  }
}

const pauseOf = (error, failures) =>
  Math.max(Math.min(error.retryAfter, LONGEST_WAIT_S) * 1_000, later(PAUSES_MS, failures));

/**
 * Whether a stale version has the state that an earlier attempt wanted: it succeeded, and its
 * answer was lost.
 */
function isDone(error, step) {
  if (!(error instanceof Problem) || error.status !== 412 || !error.product) return false;
  const { product } = error;
  if (step.kind === "enhance") {
    return (
      product.status === "pending" &&
      (product.instructions ?? "") === (step.body.instructions ?? "") &&
      String(product.adjustments) === String(step.body.adjustments ?? [])
    );
  }
  const now = new Map(product.images.map((image) => [String(image.id), image.status]));
  const wanted = Object.entries(step.expects);
  return wanted.length > 0 && wanted.every(([id, status]) => now.get(id) === status);
}

/** Whether the product's pictures are as they were when the job was made, or its last step was saved. */
function nobodyDecided(product, job) {
  const before = job.steps[job.done - 1];
  const seen = job.steps[job.done].seen ?? { round: before?.seen?.round, statuses: before?.expects };
  return (
    product.round === seen.round &&
    product.images.length === Object.keys(seen.statuses ?? {}).length &&
    product.images.every((image) => seen.statuses[image.id] === image.status)
  );
}

/** What a check found on the pictures to approve since they were shown, and which were made again. */
const news = (product, step) => [...newDoubts(product, step), ...madeAgain(product, step)];

const newDoubts = (product, step) =>
  product.images
    .filter(({ id, doubt }) => doubt && step.body.image_ids?.includes(id) && step.seen.doubts[id] !== doubt)
    .map(({ doubt }) => doubt);

const madeAgain = (product, { seen }) =>
  product.images
    .filter(({ id, sha256 }) => seen?.hashes && seen.hashes[id] !== sha256)
    .map(({ variant }) => `picture ${variant + 1} was made again and is another one now: look at it`);

const seenOf = ({ round, images }) => ({
  round,
  statuses: Object.fromEntries(images.map(({ id, status }) => [id, status])),
  doubts: Object.fromEntries(images.map(({ id, doubt }) => [id, doubt])),
  hashes: Object.fromEntries(images.map(({ id, sha256 }) => [id, sha256])),
});

export const outbox = new Outbox();

/** The newest page of a list, and the ids of what was saved meanwhile: it may show these as they were before. */
export async function pageAndSaved(ask) {
  const saved = new Set();
  const note = ({ detail }) => saved.add(detail.product.id);
  outbox.addEventListener("saved", note);
  try {
    return { page: await ask(), saved };
  } finally {
    outbox.removeEventListener("saved", note);
  }
}

/** The step that decides a whole product, as it was shown: `kept` are the pictures to approve. */
export function reviewStep(product, status, { kept = null, reason = null, note = null } = {}) {
  const body = { status };
  if (status === "approved") body.image_ids = kept;
  if (reason) body.reason = reason;
  if (note) body.note = note;
  const expects = Object.fromEntries(
    product.images.map((image) => [
      image.id,
      status === "approved" && !kept.includes(image.id) ? "rejected" : status,
    ]),
  );
  return { kind: "review", url: `/api/products/${product.id}/review`, body, expects, seen: seenOf(product) };
}

/** Undo `decision`, one of the above; `now` is the product in its newest state, and `before` as it was decided. */
export function sendUndo(now, before, decision) {
  const { id, version, round } = now;
  const steps = undoSteps(before, decision);
  if (steps.length) outbox.add({ product: id, version, round, words: "Undone", status: "pending", steps });
}

function undoSteps(before, decision) {
  const statuses = { ...decision.expects };
  const seen = () => ({ round: before.round, statuses: { ...statuses } });
  if (before.images.every((image) => image.status === "pending"))
    return [{ ...reviewStep(before, "pending"), seen: seen() }];
  return before.images
    .filter((image) => image.status !== decision.expects[image.id])
    .map((image) => {
      const step = {
        method: "PATCH",
        kind: "picture",
        url: `/api/product-images/${image.id}`,
        body: { status: image.status },
        expects: { [image.id]: image.status },
        seen: seen(),
      };
      statuses[image.id] = image.status;
      return step;
    });
}

/** The steps that reject a product, with the wishes as the note, and make it again with them. */
export const redoSteps = (product, { words, adjustments }) => [
  reviewStep(product, "rejected", { note: words ?? adjustmentWords(adjustments) }),
  enhanceStep(product, words, adjustments),
];

function enhanceStep(product, instructions, adjustments = []) {
  return {
    kind: "enhance",
    url: `/api/products/${product.id}/enhance`,
    body: {
      ...(instructions ? { instructions } : {}),
      ...(adjustments.length ? { adjustments } : {}),
    },
  };
}
