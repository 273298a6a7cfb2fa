// Undo: decisions made on this page, newest first, then those that this tab made before a reload.

import { announce } from "./dom.js";
import { outbox, sendUndo } from "./outbox.js";
import { toast } from "./toast.js";
import { ago, count, nameOf, titleOf, verdict } from "./words.js";

const DEEP = 20;
const NOTHING = "There is nothing to undo: U takes back what was decided in this tab.";

/** Say that no decision of this tab is left. */
export const sayNothingToUndo = () => toast(NOTHING);

/** A decision from the server: a product as it is now, with the earlier statuses of its pictures. */
export function earlier({ product, pictures, at }) {
  const before = new Map(pictures.map((picture) => [picture.id, picture.previous]));
  const images = product.images.map((image) => ({ ...image, status: before.get(image.id) ?? image.status }));
  const expects = Object.fromEntries(pictures.map((picture) => [picture.id, picture.status]));
  return {
    id: product.id,
    kind: "earlier",
    at,
    words: verdict(product),
    now: product,
    product: { ...product, images, status: "pending_review" },
    step: { expects },
  };
}

export class Undoing {
  #queue;
  #entries;

  /**
   * `decisions` are those of the server that this tab made, newest first; `show()` draws the restored
   * product, and `say(words)` says what was undone.
   */
  constructor(queue, decisions, show, say) {
    this.#queue = queue;
    this.#entries = decisions.map(earlier).reverse();
    this.show = show;
    this.say = say;
  }

  remember(entry) {
    this.#entries.push(entry);
    if (this.#entries.length > DEEP) this.#entries.shift();
  }

  /** A decision was refused, so there is nothing to undo. */
  forget(id) {
    const place = this.#entries.findLastIndex((entry) => entry.id === id);
    if (place >= 0) this.#entries.splice(place, 1);
  }

  /** The products that the next undos affect. */
  get nextIds() {
    return this.#entries.slice(-2).map((entry) => entry.id);
  }

  /** What the next undo reverts, in words; null when there is nothing. */
  get words() {
    const entry = this.#entries.at(-1);
    if (!entry) return null;
    return `${entry.words} · ${nameOf(entry.id, entry.product)}${entry.at ? `, ${ago(entry.at)}` : ""}`;
  }

  undo() {
    const entry = this.#entries.pop();
    if (!entry) return sayNothingToUndo();
    if (entry.kind === "earlier" && !this.#queue.get(entry.id)) this.#queue.put(entry.now);
    const product = this.#queue.get(entry.id);
    const undone = product && (entry.kind === "skip" || this.#takeBack(entry, product));
    if (undone) {
      this.#queue.reopen(entry.id);
      this.#queue.go(entry.id);
    }
    this.show();
    if (!undone) return;
    const words = `${entry.words} · ${nameOf(entry.id, entry.product)}`;
    announce(`Undone: ${words}. ${count(this.#queue.left)} left`);
    this.say(words);
  }

  /** True when the decision is, or will be, undone: each picture gets its earlier status back. */
  #takeBack(entry, product) {
    if (outbox.cancel(entry.id)) return true;
    const title = titleOf(entry.id, product);
    if (product.round !== entry.product.round) {
      toast("It has new pictures, so the decision on the old ones stays.", { title });
      return false;
    }
    if (entry.status === "redo") {
      toast("It is being made again already. It comes back when its new pictures are there.", { title });
      return false;
    }
    sendUndo(product, entry.product, entry.step);
    this.#queue.putBack(entry.product);
    return true;
  }
}
