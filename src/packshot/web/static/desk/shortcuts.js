// The keyboard: one list of shortcuts, which is also what the help shows.

import { byAltGraph, nameOf } from "./keys.js";
import { Switch } from "./switch.js";

const TYPING = "input:not([type=range], [type=checkbox], [type=radio]), textarea, select, [contenteditable]";

class Shortcuts {
  /** `{keys, shown, words, group, run({number}), release?, repeats?, when?}` */
  #entries = [];
  /** Required by WCAG 2.1.4. */
  #switch = new Switch("shortcuts", "Shortcuts of a single key are on");

  constructor() {
    addEventListener("keydown", (event) => this.#press(event));
    addEventListener("keyup", (event) => this.#release(event));
    addEventListener("blur", () => {
      for (const entry of this.#entries) entry.release?.();
    });
  }

  /** Add shortcuts. `keys` are characters in lower case, "shift+r", "ctrl+z" or "Escape". */
  add(group, entries) {
    for (const entry of entries) this.#entries.push({ group, ...entry });
  }

  /** Those that the help shows. */
  get named() {
    return this.#entries.filter((entry) => entry.words);
  }

  /** The shortcut that was pressed last before the page listened (early_keys.js), as it is shown; or null. */
  pressedTooEarly() {
    const { earlyKeys: early } = window;
    if (!early) return null;
    removeEventListener("keydown", early.note);
    const event = early.key;
    early.key = null;
    if (!event?.key) return null;
    const entry = this.#find(nameOf(event));
    return entry && (this.#switch.on || event.ctrlKey || event.metaKey) ? entry.shown : null;
  }

  /** The first entry that is active now, by its `when()` if it has one. */
  #find(name) {
    return this.#entries.find((entry) => entry.keys.includes(name) && (entry.when?.() ?? true));
  }

  #press(event) {
    if (event.key === "Unidentified" || event.key === undefined) return;
    const name = nameOf(event);
    const entry = this.#find(name);
    if (!entry || !this.#isMeant(event, name)) return;
    event.preventDefault();
    if (!event.repeat || entry.repeats) entry.run({ number: Number(name) });
  }

  #release(event) {
    if (event.key === undefined) return;
    const name = event.key === " " ? "Space" : event.key;
    for (const entry of this.#entries) if (entry.release && entry.keys.includes(name)) entry.release();
  }

  #isMeant(event, name) {
    const target = event.target instanceof Element ? event.target : document.body;
    if (event.defaultPrevented || event.isComposing) return false;
    if (event.altKey && !byAltGraph(event)) return false;
    if (target.closest(TYPING) || document.querySelector("dialog[open]")) return false;
    if (name.includes("Arrow") && target.closest("input[type=range]")) return false;
    if ((name === "Space" || name === "Enter") && target.closest("button, a, summary, input")) return false;
    return this.#switch.on || event.ctrlKey || event.metaKey || event.key.startsWith("Arrow");
  }
}

export const shortcuts = new Shortcuts();
