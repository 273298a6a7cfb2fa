// The desk: one product after the other, decided with one key. Read deciding.js first.

import { connection } from "./api.js";
import { $, afterPaint, announce, pageData } from "./dom.js";
import { Filters } from "./filters.js";
import { showToReview } from "./live_counts.js";
import { OwnDecisions } from "./own_decisions.js";
import { go } from "./place.js";
import { Attention } from "./review/attention.js";
import { Deciding } from "./review/deciding.js";
import { Elsewhere } from "./review/elsewhere.js";
import { Filling } from "./review/filling.js";
import { Card } from "./review/frames.js";
import { listenOnDesk } from "./review/keys.js";
import { Moment } from "./review/moment.js";
import { nothing } from "./review/nothing.js";
import { Pace } from "./review/pace.js";
import { Panel } from "./review/panel.js";
import { Queue } from "./review/queue.js";
import { Reasons } from "./review/reasons.js";
import { Stage } from "./review/stage.js";
import { start } from "./shell.js";
import { Switch } from "./switch.js";
import { Undoing } from "./undoing.js";
import { Views } from "./views.js";
import { numberOf } from "./words.js";

const AHEAD = 3;

class Desk {
  #cards = new Map();
  #prepared = 0;

  constructor(data) {
    this.data = data;
    this.state = data.state;
    this.goOn = new Switch("go-on", "After a decision, show the next product automatically");
    this.live = start(data, (state) => this.#stateChanged(state));
    this.queue = new Queue(data);
    this.stage = new Stage((index) => this.select(index));
    this.attention = new Attention(this.stage);
    this.pace = new Pace();
    this.deciding = new Deciding(this);
    this.reasons = new Reasons((reason) => this.deciding.reject(reason));
    this.moment = new Moment(() => this.undo());
    this.undoing = new Undoing(
      this.queue,
      new OwnDecisions(data.caller).among(data.last_decisions),
      () => this.show(),
      (words) => this.moment.undone(words),
    );
    this.panel = new Panel(this);
    this.filters = new Filters($("filters"), data);
    this.views = new Views((place, total, same) => this.panel.showViews(place, total, same));
    this.filling = new Filling(this.queue, () => (this.queue.current ? this.showProgress() : this.moveOn()));
    this.elsewhere = new Elsewhere(this);
    connection.addEventListener("change", () => connection.online && this.reload());
  }

  // -- showing ---------------------------------------------------------------------------------------

  #on = {
    pick: (index) => this.select(index),
    keep: (index) => {
      this.select(index);
      this.deciding.leave();
    },
  };

  #cardOf(product) {
    const known = this.#cards.get(product.id);
    if (known?.take(product)) {
      known.fit(this.stage.sizes);
      return known;
    }
    const card = new Card(product, this.stage.sizes, this.#on);
    this.#cards.set(product.id, card);
    return card;
  }

  show() {
    const { queue, stage, panel } = this;
    const product = queue.current;
    const card = product && this.#cardOf(product);
    const another = stage.card?.product.id !== product?.id;
    this.reasons.close();
    stage.show(card, product ? null : this.#nothing());
    if (another) this.attention.productCame();
    panel.showProduct(product, product && queue.decision(product.id));
    if (card) panel.showPicture(card);
    this.views.show(product);
    this.showProgress();
    afterPaint(() => this.#prepare());
  }

  /** Load the pictures again that could not be loaded; those on the stage are to be seen first. */
  reload() {
    for (const card of this.#cards.values())
      if (card.retry() && card === this.stage.card) this.attention.productCame();
  }

  showProgress() {
    const { queue, pace, undoing, state, data } = this;
    if (data.filters.status === "pending_review")
      showToReview(Math.max(0, (state.shop.pending_review ?? 0) - queue.since));
    const undo = undoing.words;
    this.panel.showProgress({ left: queue.left, done: queue.done, pace: pace.perMinute, undo });
  }

  #nothing() {
    const { queue, state, pace, filling, data } = this;
    const asked = { queue, state, filters: data.filters, perMinute: pace.perMinute };
    return nothing({ ...asked, failed: filling.failed });
  }

  /** Decode the next products, and drop old ones, until the next one is shown. */
  async #prepare() {
    this.#prepared += 1;
    const mine = this.#prepared;
    this.filling.run();
    const { queue } = this;
    const next = queue.ahead(AHEAD);
    const near = new Set([queue.at, ...next.map((product) => product.id), ...this.undoing.nextIds]);
    for (const id of this.#cards.keys()) if (!near.has(id)) this.#cards.delete(id);
    for (const product of queue.current ? [queue.current, ...next] : next) {
      await this.#cardOf(product).ready();
      if (mine !== this.#prepared) return;
    }
  }

  // -- moving ----------------------------------------------------------------------------------------

  /** Select a picture by its place from 0; does nothing where there is none. */
  select(index) {
    const { card } = this.stage;
    if (!card?.product.images[index]) return;
    card.select(index);
    this.pictureChanged();
    if (this.stage.isZoomed) card.sharpen();
  }

  pictureChanged() {
    this.panel.showPicture(this.stage.card);
  }

  /** Select the picture with this number. */
  selectNumber(number) {
    const images = this.stage.card?.product.images ?? [];
    this.select(images.findIndex((picture) => numberOf(picture) === number));
  }

  turn(by) {
    const n = this.stage.card?.product.images.length;
    if (!n) return;
    this.select((this.stage.card.selected + by + n) % n);
    announce(this.panel.which.textContent);
  }

  moveOn() {
    this.queue.advance();
    this.show();
  }

  step(by) {
    if (this.queue.step(by)) this.show();
  }

  /** Move to the next view of the same SKU. */
  nextView() {
    const { next } = this.views;
    if (!next) return announce("There is no other view of it");
    if (!next.images.length) return go(`/products/${next.id}`);
    this.queue.visit(next);
    this.show();
  }

  open(id) {
    if (!this.queue.get(id)) return go(`/products/${id}`);
    this.queue.go(id);
    this.show();
  }

  // -- after a decision ------------------------------------------------------------------------------

  decided() {
    if (this.goOn.on) this.moveOn();
    else this.show();
  }

  undo() {
    this.moment.hide();
    this.undoing.undo();
  }

  #stateChanged(state) {
    this.state = state;
    this.filters.show(state);
    return this.elsewhere.stateChanged(state);
  }
}

const desk = new Desk(pageData());
listenOnDesk(desk);
desk.show();
