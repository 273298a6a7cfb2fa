// Ignores keys for something the reviewer has not seen: a key counts for what was on the stage when it was
// pressed.

import { samePictures } from "./doubt.js";
import { mayReview } from "./rights.js";
import { toast } from "./toast.js";

/** Pictures that replaced others are shown for this long before keys apply to them. */
const LOOK_MS = 500;

export class Attention {
  #stage;
  #pressed = 0;
  #shown = 0;
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
    this.#shown = performance.now();
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
    const what = fresh ? "New pictures have just come" : "You pressed before it came up";
    this.#dismiss();
    this.#dismiss = toast(`${what}, so nothing was decided.`, { title: `Product ${product.id}` });
    return null;
  }

  /** The same, if this reviewer may decide. */
  decidable() {
    return mayReview() ? this.seen() : null;
  }

  /** The same product with the same pictures after a dialog; null after a message otherwise. */
  stillDecidable(product) {
    const now = this.decidable();
    if (now && now.id === product.id && now.round === product.round && samePictures(product, now)) return now;
    toast("Other pictures came up in the meantime, so nothing was decided.", {
      title: `Product ${product.id}`,
    });
    return null;
  }
}
