// Undo in the grid: batches decided on this page, newest first, then this reviewer's earlier decisions.

import { announce } from "./dom.js";
import { outbox, undoSteps } from "./outbox.js";
import { toast } from "./toast.js";
import { earlier } from "./undoing.js";
import { ago, many } from "./words.js";

export class GridUndo {
  #tiles;
  #batches = [];
  #earlier;

  /** `decisions` are the server's, newest first; `show()` draws what the next undo reverts. */
  constructor(tiles, decisions, show) {
    this.#tiles = tiles;
    this.#earlier = decisions.map(earlier);
    this.show = show;
  }

  /** `batch` lists products as they were, each with the step that decided on it. */
  remember(batch) {
    this.#batches.push(batch);
    this.show();
  }

  /** What the next undo reverts, in words; null when there is nothing. */
  get words() {
    const batch = this.#batches.at(-1);
    if (batch) return many(batch.length, "product");
    return this.#earlier.length ? earlierWords(this.#earlier[0]) : null;
  }

  /** Undo a batch, by its toast, or the newest one. */
  undo(batch = this.#batches.at(-1)) {
    const place = this.#batches.indexOf(batch);
    if (place < 0) this.#undoEarlier();
    else {
      this.#batches.splice(place, 1);
      for (const { product, step } of batch) takeBack(this.#tiles.get(product.id), product, step);
    }
    this.show();
  }

  /** Undo the newest decision from before this page was loaded, one product at a time. */
  #undoEarlier() {
    const entry = this.#earlier.shift();
    if (!entry) return announce("Nothing to undo");
    const { product, now, step } = entry;
    const steps = now.round === product.round ? undoSteps(product, step) : [];
    if (steps.length) outbox.add({ product: now.id, version: now.version, words: "Undone", steps });
    toast(`Undone: ${earlierWords(entry)}`);
  }
}

const earlierWords = ({ words, product, at }) => `${words} · ${product.sku ?? `#${product.id}`}, ${ago(at)}`;

function takeBack(tile, before, step) {
  if (!tile || tile.product.round !== before.round) return;
  tile.decided(null);
  if (outbox.cancel(before.id)) return;
  const steps = undoSteps(before, step);
  const { version } = tile.product;
  if (steps.length) outbox.add({ product: before.id, version, words: "Undone", steps });
}
