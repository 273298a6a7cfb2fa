// Shows for a moment what was just decided, with an undo button.

import { button, h, press } from "./dom.js";

const SHOWN_MS = 5_000;

export class Moment {
  #timer = 0;

  constructor(root, undo) {
    this.root = root;
    this.text = h("span", {});
    root.append(this.text, button("Undo", { icon: "undo", key: "U", kind: "small", onclick: press(undo) }));
  }

  show(words, { id, sku }) {
    clearTimeout(this.#timer);
    this.text.textContent = `${words} · ${sku ?? `#${id}`}`;
    this.root.hidden = false;
    this.#timer = setTimeout(() => this.hide(), SHOWN_MS);
  }

  hide() {
    clearTimeout(this.#timer);
    this.root.hidden = true;
  }
}
