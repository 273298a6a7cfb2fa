// Shows for a moment what was just decided, with an undo button, or what was undone.

import { button, h, press } from "./dom.js";
import { nameOf } from "./words.js";

const SHOWN_MS = 5_000;

export class Moment {
  #timer = 0;

  constructor(root, undo) {
    this.root = root;
    this.text = h("span", {});
    this.undo = button("Undo", { icon: "undo", key: "U", kind: "small", onclick: press(undo) });
    root.append(this.text, this.undo);
  }

  show(words, product) {
    this.#say(`${words} · ${nameOf(product.id, product)}`, true);
  }

  /** Say what was undone. */
  undone(words) {
    this.#say(`Undone: ${words}`, false);
  }

  #say(text, undoable) {
    clearTimeout(this.#timer);
    this.text.textContent = text;
    this.undo.hidden = !undoable;
    this.root.hidden = false;
    this.#timer = setTimeout(() => this.hide(), SHOWN_MS);
  }

  hide() {
    clearTimeout(this.#timer);
    this.root.hidden = true;
  }
}
