// Carries out the keys and buttons of the panel for the product on the stage.

import { reasonWords } from "../constants.js";
import { afterPaint, announce } from "../dom.js";
import { doubtOf } from "../doubt.js";
import { outbox, redoSteps, reviewStep } from "../outbox.js";
import { askNote, askWishes } from "../questions.js";
import { toast } from "../toast.js";
import { count, numberOf, titleOf } from "../words.js";

export class Deciding {
  #desk;

  /**
   * `desk` has stage, queue, panel, attention, undoing, reasons, pace and moment; and decided(), moveOn(),
   * pictureChanged(), reload().
   */
  constructor(desk) {
    this.#desk = desk;
  }

  /** Show the next product at once, and save in the background. */
  #decide(product, words, status, steps) {
    const start = performance.now();
    afterPaint(() => performance.measure("decision", { start }));
    const { queue, undoing, pace, moment } = this.#desk;
    const { id, version, round } = product;
    queue.decide(id, words);
    undoing.remember({ id, kind: "decision", status, words, product, step: steps[0] });
    pace.note();
    outbox.add({ product: id, name: titleOf(id, product), version, round, words, status, steps });
    this.#desk.decided();
    moment.show(words, product);
    announce(`${words}. ${count(queue.left)} left`);
  }

  approve() {
    const product = this.#desk.attention.decidable();
    if (!product) return;
    const kept = this.#desk.stage.card.keptIds;
    if (kept.length) return this.#approve(product, kept);
    this.#desk.panel.stressWhyNot();
  }

  #approve(product, kept) {
    const lost = this.#desk.stage.card.lost(kept);
    if (lost.length) return this.#refuseLost(product, lost);
    const all = product.images.length;
    const words = kept.length < all ? `Approved ${kept.length} of ${all}` : "Approved";
    this.#decide(product, words, "approved", [reviewStep(product, "approved", { kept })]);
  }

  /** Nobody approves what can't be seen. */
  #refuseLost(product, lost) {
    const which = lost.length > 1 ? `Pictures ${lost.join(", ")}` : `Picture ${lost[0]}`;
    toast(
      `${which} can't be loaded, so nothing was approved. Loading again; leave out (X) what stays lost.`,
      {
        title: titleOf(product.id, product),
      },
    );
    this.#desk.reload();
  }

  /** Approve only the selected picture; a doubtful one has to be included first. */
  only() {
    const product = this.#desk.attention.decidable();
    const { card } = this.#desk.stage;
    const picture = product?.images[card.selected];
    if (!picture) return;
    if (doubtOf(picture) && !card.kept.has(picture.id))
      return toast("This picture has a warning. Include it (X) before you approve it.", {
        title: titleOf(product.id, product),
      });
    this.#approve(product, [picture.id]);
  }

  /** Exclude the selected picture from the approval, or include it. */
  leave() {
    const card = this.#desk.attention.seen() && this.#desk.stage.card;
    if (!card?.product.images.length) return;
    const kept = card.toggle(card.selected);
    this.#desk.pictureChanged();
    announce(`Picture ${numberOf(card.product.images[card.selected])} ${kept ? "included" : "left out"}`);
  }

  /** Show the reasons in place of the decisions. */
  openReasons() {
    if (!this.#desk.attention.decidable()) return;
    this.#desk.reasons.open();
    announce("Why is it rejected? A number gives a reason, R or Enter none, Escape goes back.");
  }

  async reject(reason) {
    const { attention } = this.#desk;
    let product = attention.decidable();
    if (!product) return;
    const note = reason === "other" ? await askNote() : null;
    if (reason === "other" && note === null) return;
    if (reason === "other") product = attention.stillDecidable(product);
    if (!product) return;
    const words = reason ? `Rejected: ${reasonWords(reason).toLowerCase()}` : "Rejected";
    this.#decide(product, words, "rejected", [reviewStep(product, "rejected", { reason, note })]);
  }

  async redo() {
    const { attention } = this.#desk;
    const before = attention.decidable();
    const wishes = before && (await askWishes([before]));
    const product = wishes && attention.stillDecidable(before);
    if (!product) return;
    this.#decide(product, "Rejected, being made again", "redo", redoSteps(product, wishes));
  }

  skip() {
    const product = this.#desk.attention.seen();
    if (!product) return;
    const { queue, undoing } = this.#desk;
    queue.skip(product.id);
    undoing.remember({ id: product.id, kind: "skip", words: "Skipped", product });
    this.#desk.moveOn();
    announce(`Skipped. ${count(queue.left)} left`);
  }
}
