// The keyboard: one list of shortcuts, which is also what the help shows.

import { recall, remember } from "./memory.js";

const TYPING = "input:not([type=range], [type=checkbox], [type=radio]), textarea, select, [contenteditable]";

/** What the help offers to turn off. */
export const switches = [];

/** Something that is on until this browser's user turns it off. */
export class Switch {
  constructor(name, words) {
    this.name = name;
    this.words = words;
    this.#show();
    switches.push(this);
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

/** WCAG 2.1.4 wants it. */
const shortcuts = new Switch("shortcuts", "Shortcuts of a single key are on");

/** What the page knows: `{keys, shown, words, group, run, release?, repeats?}`. */
export const known = [];

/** Add shortcuts. `keys` are `event.key` in lower case, "shift+r", "ctrl+z". */
export function listen(group, entries) {
  for (const entry of entries) known.push({ group, ...entry });
}

function nameOf(event) {
  const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const shifted = event.shiftKey && /^([a-z]|Arrow)/.test(name);
  const prefix = (event.ctrlKey || event.metaKey ? "ctrl+" : "") + (shifted ? "shift+" : "");
  return prefix + (name === " " ? "Space" : name);
}

function isMeant(event, name) {
  const target = event.target instanceof Element ? event.target : document.body;
  if (event.altKey || event.defaultPrevented || event.isComposing) return false;
  if (target.closest(TYPING) || document.querySelector("dialog[open]")) return false;
  if (name.includes("Arrow") && target.closest("input[type=range]")) return false;
  if ((name === "Space" || name === "Enter") && target.closest("button, a, summary, input")) return false;
  return shortcuts.on || event.ctrlKey || event.metaKey || event.key.startsWith("Arrow");
}

function find(name) {
  return known.find((entry) => entry.keys.includes(name));
}

addEventListener("keydown", (event) => {
  if (event.key === "Unidentified" || event.key === undefined) return;
  const name = nameOf(event);
  const entry = find(name);
  if (!entry || !isMeant(event, name)) return;
  event.preventDefault();
  if (!event.repeat || entry.repeats) entry.run(event);
});

addEventListener("keyup", (event) => {
  if (event.key === undefined) return;
  const name = event.key === " " ? "Space" : event.key;
  for (const entry of known) if (entry.release && entry.keys.includes(name)) entry.release();
});

addEventListener("blur", () => {
  for (const entry of known) entry.release?.();
});
