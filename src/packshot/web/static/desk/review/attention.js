// Ignores keys for something the reviewer has not seen: a key counts for what was on the stage when it was
// pressed, and a decision only if its pictures had been there for a moment.

import { afterPaint } from "../dom.js";
import { samePictures } from "../doubt.js";
import { mayReview } from "../rights.js";
import { toast } from "../toast.js";
import { titleOf } from "../words.js";

/** Pictures that replaced others are shown for this long before keys apply to them. */
const LOOK_MS = 500;
/**
 * A product's pictures are shown for this long before a key or click decides on it: the second press of an
 * accidental double press comes 80 to 200 ms after the first; nobody who looks first presses so soon.
 */
const GLANCE_MS = 200;

export class Attention {
  #stage;
  #pressed = 0;
  #shown = 0;
  #painted = Number.POSITIVE_INFINITY;
  #replaced = -Infinity;
  #dismiss = () => {};

  constructor(stage) {
    this.#stage = stage;
    const note = (event) => {
      this.#pressed = event.timeStamp;
    };
    for (const kind of ["keydown", "click"]) addEventListener(kind, note, true);
  }

  /** Another product is on the stage. */
  productCame() {
    const came = performance.now();
    const { card, root } = this.#stage;
    this.#shown = came;
    this.#painted = Number.POSITIVE_INFINITY;
    root.setAttribute("aria-busy", String(card !== null));
    if (!card) return;
    const there = (run) => this.#shown === came && run();
    afterPaint(async () => {
      await card.ready();
      there(() => {
        this.#painted = performance.now();
        setTimeout(() => there(() => root.setAttribute("aria-busy", "false")), GLANCE_MS);
      });
    });
  }

  /** Other pictures of the same product are on the stage. */
  picturesCame() {
    this.#replaced = performance.now();
  }

  /** The product on the stage, if the last key or click can have meant it; otherwise shows a message. */
  seen() {
    const product = this.#stage.card?.product;
    if (!product) return null;
    const fresh = performance.now() - this.#replaced < LOOK_MS;
    if (this.#pressed >= this.#shown && !fresh) return product;
    return this.#refuse(product, fresh ? "New pictures have just come" : "You pressed before it came up");
  }

  /** The same, if this reviewer may decide, and its pictures were there for a moment. */
  decidable() {
    const product = mayReview() ? this.seen() : null;
    if (!product || this.#pressed - this.#painted >= GLANCE_MS) return product;
    const loading = this.#painted === Number.POSITIVE_INFINITY;
    return this.#refuse(
      product,
      loading ? "Its pictures are not there yet" : "You pressed again before it could be seen",
    );
  }

  #refuse(product, why) {
    this.#dismiss();
    this.#dismiss = toast(`${why}, so nothing was decided.`, {
      title: titleOf(product.id, product),
    });
    return null;
  }

  /** The same product with the same pictures after a dialog; null after a message otherwise. */
  stillDecidable(product) {
    const now = this.decidable();
    if (now && now.id === product.id && now.round === product.round && samePictures(product, now)) return now;
    toast("Other pictures came up in the meantime, so nothing was decided.", {
      title: titleOf(product.id, product),
    });
    return null;
  }
}
