// Handles news from the server: decisions saved or refused, and decisions of others.

import { call, session } from "../api.js";
import { announce } from "../dom.js";
import { outbox } from "../outbox.js";
import { toast } from "../toast.js";
import { ago, ended, foundWords, STATUS, titleOf } from "../words.js";

const REFRESH_MS = 20_000;

export class Elsewhere {
  #desk;
  #saved = 0;
  #behind = false;
  #refreshed = performance.now();

  /**
   * `desk` has queue, stage, panel, attention, undoing, moment and live; and show(), moveOn(), showProgress(),
   * open(id).
   */
  constructor(desk) {
    this.#desk = desk;
    outbox.addEventListener("saved", ({ detail }) => this.#wasSaved(detail));
    outbox.addEventListener("refused", ({ detail }) => this.#wasRefused(detail));
  }

  #wasSaved({ job, product }) {
    const { queue, live } = this.#desk;
    this.#saved += job.status === "pending" ? -1 : 1;
    if (queue.get(product.id)) queue.put(product);
    this.#refreshShown();
    if (!queue.current && !outbox.size) live.now();
  }

  /** The product on the stage may have a newer state: of the same pictures, or with others. */
  #refreshShown() {
    const { queue, stage, panel, attention } = this.#desk;
    const product = queue.current;
    const { card } = stage;
    if (!product || card?.product.id !== product.id || outbox.has(product.id)) return;
    if (card.product.version === product.version) return;
    if (!card.take(product)) {
      if (!product.images.length) return; // the pictures on the stage stay until there are new ones
      attention.picturesCame();
      this.#desk.show();
      return announce(`New pictures of product ${product.id} have arrived`);
    }
    panel.showProduct(product, queue.decision(product.id));
    panel.showPicture(card);
  }

  #wasRefused({ job, problem }) {
    const { queue, undoing, moment } = this.#desk;
    undoing.forget(job.product);
    moment.hide();
    const current = problem.product ?? job.answer;
    queue.reopen(job.product);
    if (current) queue.put(current);
    if (current && current.status !== "pending_review") queue.decide(job.product, STATUS[current.status]);
    if (problem.status === 404) queue.remove(job.product);
    if (!queue.current) this.#desk.moveOn();
    else if (queue.at === job.product) this.#desk.show();
    else this.#desk.showProgress();
    if (problem.found?.length) return this.#show(job.product, foundWords(problem, job), "Look again");
    if (problem.status === 412 && problem.product) return this.#conflict(job, problem.product);
    const words = job.done ? "It is rejected, but not being made again" : `“${job.words}” was not saved`;
    this.#show(job.product, `${words}: ${ended(problem.message)}`, "Show it");
  }

  #show(id, text, action) {
    const actions = [[action, () => this.#desk.open(id)]];
    toast(text, { title: titleOf(id, this.#desk.queue.get(id)), kind: "bad", actions });
  }

  /** Another reviewer was faster: that decision stays until this reviewer looks again. */
  async #conflict(job, theirs) {
    const redone = theirs.status === "pending" || theirs.round > job.round;
    const who = await findLastReviewer(theirs.id, redone);
    const decided =
      theirs.status === "pending_review" ? "changed it" : `${STATUS[theirs.status].toLowerCase()} it`;
    const what = redone ? "asked for new pictures of it" : decided;
    const name = who && decodeURIComponent(session.caller) === who.who ? "Another tab or program" : who?.who;
    const theirWords = who ? `${name} ${what} ${ago(who.at)}.` : `Somebody ${what} in the meantime.`;
    const apart = this.#desk.queue.moveApart(theirs.id) ? " You go on further down the list." : "";
    this.#show(theirs.id, `${theirWords} Your “${job.words}” was not saved.${apart}`, "Look again");
    await this.#refresh();
  }

  /** The server's counts changed. */
  async stateChanged(state) {
    const { queue } = this.#desk;
    const before = queue.total;
    queue.countsCame(state);
    this.#behind ||=
      !this.#explained(before - queue.total) || performance.now() - this.#refreshed > REFRESH_MS;
    this.#desk.showProgress();
    if (this.#behind) await this.#refresh();
    if (!queue.current) this.#desk.moveOn();
    else this.#desk.showProgress();
  }

  /**
   * Whether decisions saved here explain the lower count. The counts of a large shop arrive late, in parts.
   */
  #explained(fallen) {
    const ours = Math.sign(fallen) !== -Math.sign(this.#saved) && Math.abs(fallen) <= Math.abs(this.#saved);
    this.#saved = ours ? this.#saved - fallen : 0;
    this.#desk.queue.since += Math.max(0, this.#saved);
    return ours;
  }

  /** Only when this reviewer's own decisions don't explain the counts: the list is long. */
  async #refresh() {
    const { queue } = this.#desk;
    this.#refreshed = performance.now();
    const gone = await queue.refresh();
    this.#refreshShown();
    if (gone.includes(queue.at)) await this.#goneElsewhere(queue.at);
    this.#behind = false;
  }

  /** Another reviewer decided on the product on the stage: show a message, but do not remove it. */
  async #goneElsewhere(id) {
    const { queue, panel } = this.#desk;
    const answer = await call("GET", `/api/products/${id}`);
    const { product } = answer.body.data;
    if (queue.at !== id || outbox.has(id)) return;
    const who = await findLastReviewer(id, product.status === "pending");
    queue.put(product);
    const what = product.status === "pending" ? "New pictures asked for" : STATUS[product.status];
    queue.decide(id, `${what}${who ? ` by ${who.who}` : ""}`);
    this.#refreshShown();
    panel.showProduct(queue.current, queue.decision(queue.at));
    announce(`Product ${id} was decided by somebody else`);
  }
}

/** Who requested the current round, or decided last: `{who, at}`, or null. */
async function findLastReviewer(id, redone) {
  try {
    const { rounds, decisions } = (await call("GET", `/desk/products/${id}`)).body;
    if (!redone) return decisions[0] ?? null;
    return rounds[0].asked_by ? { who: rounds[0].asked_by, at: rounds[0].opened_at } : null;
  } catch {
    return null;
  }
}
