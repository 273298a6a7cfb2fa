// Undo in the grid: batches decided on this page, newest first, then what this tab decided before a reload.

import { outbox, sendUndo } from "../outbox.js";
import { toast } from "../toast.js";
import { earlier, sayNothingToUndo } from "../undoing.js";
import { ago, many, nameOf } from "../words.js";

export class GridUndo {
  #tiles;
  #batches = [];
  #earlier;

  /** `decisions` are those of the server that this tab made, newest first; `show()` draws what the next undo reverts. */
  constructor(tiles, decisions, show) {
    this.#tiles = tiles;
    this.#earlier = decisions.map(earlier);
    this.show = show;
  }

  /** `batch` lists products as they were, each with the step that decided on it; a redo has none. */
  remember(batch) {
    this.#batches.push(batch);
    this.show();
  }

  /** What the next undo reverts, in words; null when there is nothing. */
  get words() {
    const batch = this.#batches.at(-1);
    if (batch) return batchWords(batch);
    return this.#earlier.length ? earlierWords(this.#earlier[0]) : null;
  }

  /** Undo what was decided last. */
  undo() {
    const batch = this.#batches.at(-1);
    if (batch) return this.undoBatch(batch);
    this.#undoEarlier();
    this.show();
  }

  /** Undo a batch, by its toast, which may outlast it. */
  undoBatch(batch) {
    const place = this.#batches.indexOf(batch);
    if (place < 0) return sayNothingToUndo();
    this.#batches.splice(place, 1);
    const taken = ({ product, step }) => takeBack(this.#tiles.get(product.id), product, step);
    const late = batch.filter((each) => !taken(each));
    const undone = batch.filter((each) => !late.includes(each));
    if (undone.length) toast(`Undone: ${batchWords(undone)}`);
    if (late.length) toast(`Not undone, already being made again: ${batchWords(late)}`);
    this.show();
  }

  /** Undo the newest decision from before this page was loaded, one product at a time. */
  #undoEarlier() {
    const entry = this.#earlier.shift();
    if (!entry) return sayNothingToUndo();
    sendUndo(entry.now, entry.product, entry.step);
    toast(`Undone: ${earlierWords(entry)}`);
  }
}

/** The product of a batch by its name, several by their number. */
const batchWords = (batch) =>
  batch.length === 1 ? nameOf(batch[0].product.id, batch[0].product) : many(batch.length, "product");

const earlierWords = ({ words, product, at }) => `${words} · ${nameOf(product.id, product)}, ${ago(at)}`;

/** False when the product is being made again, or was: the decision on its earlier pictures stays. */
function takeBack(tile, before, step) {
  const same = tile?.product.round === before.round;
  if (step && !same) return false;
  const unsent = outbox.cancel(before.id);
  if (!unsent && !step) return false;
  if (same) tile.decided(null);
  if (!unsent) sendUndo(tile.product, before, step);
  return true;
}
