// Shows for a moment what was just decided, or what was undone: in the panel above its Undo; on phones above
// the buttons, with an Undo of its own.

import { button, h, press } from "../dom.js";
import { nameOf } from "../words.js";

const SHOWN_MS = 5_000;

export class Moment {
  #timer = 0;

  constructor(undo) {
    this.text = h("span", {});
    this.undo = button("Undo", { icon: "undo", key: "U", kind: "small", onclick: press(undo) });
    this.element = h("div", { class: "moment", id: "moment", hidden: true }, this.text, this.undo);
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
    this.text.title = text;
    this.undo.hidden = !undoable;
    this.element.hidden = false;
    this.#timer = setTimeout(() => this.hide(), SHOWN_MS);
  }

  hide() {
    clearTimeout(this.#timer);
    this.element.hidden = true;
  }
}
