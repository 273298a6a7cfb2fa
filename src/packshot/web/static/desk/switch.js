// An option of the help that is on until the user of this browser turns it off.

import { recall, remember } from "./memory.js";

export class Switch {
  /** All of this page. */
  static all = [];

  constructor(name, words) {
    this.name = name;
    this.words = words;
    this.#show();
    Switch.all.push(this);
  }

  get on() {
    return recall(this.name) !== "off";
  }

  set on(value) {
    remember(this.name, value ? "on" : "off");
    this.#show();
  }

  #show() {
    document.documentElement.toggleAttribute(`data-no-${this.name}`, !this.on);
  }
}
