// The keyboard: one list of shortcuts, which is also what the help shows.

import { recall, remember } from "./memory.js";

const TYPING = "input:not([type=range], [type=checkbox], [type=radio]), textarea, select, [contenteditable]";

/** Options in the help that can be turned off. */
export const switches = [];

/** An option that is on until the user of this browser turns it off. */
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

/** Required by WCAG 2.1.4. */
const shortcuts = new Switch("shortcuts", "Shortcuts of a single key are on");

/** The shortcuts of this page: `{keys, shown, words, group, run({number}), release?, repeats?, when?}`. */
export const known = [];

/** Add shortcuts. `keys` are characters in lower case, "shift+r", "ctrl+z" or "Escape". */
export function listen(group, entries) {
  for (const entry of entries) known.push({ group, ...entry });
}

const LATIN = /^\p{Script=Latin}$/u;
const ASCII = /^[ -~]$/;
const PLACES = { Slash: "/", BracketLeft: "[", BracketRight: "]" };

/**
 * The character that a key stands for. A layout's own character counts where it has Latin letters; a key
 * that writes something else (Hindi, Russian, Greek, Arabic...) counts by its place on a Latin keyboard, and
 * so do the digits, which some layouts have with Shift only.
 */
function characterOf({ key, code, shiftKey }) {
  const digit = /^(?:Digit|Numpad)([0-9])$/.exec(code)?.[1];
  if (digit && !"?/[]".includes(key) && !/^[a-z]$/i.test(key)) return digit;
  if (ASCII.test(key) || LATIN.test(key)) return key.toLowerCase();
  const letter = /^Key([A-Z])$/.exec(code)?.[1];
  if (letter) return letter.toLowerCase();
  if (code === "Slash" && shiftKey) return "?";
  return PLACES[code] ?? key;
}

const isCharacter = ({ key }) => [...key].length === 1 || key === "Process";

/** Whether it is a character typed with AltGr on this layout. Windows reports that as Control and Alt. */
const byAltGraph = (event) => event.getModifierState("AltGraph") && isCharacter(event);

function nameOf(event) {
  const name = isCharacter(event) ? characterOf(event) : event.key;
  const shifted = event.shiftKey && /^([a-z]$|Arrow)/.test(name);
  const control = (event.ctrlKey || event.metaKey) && !byAltGraph(event);
  return (control ? "ctrl+" : "") + (shifted ? "shift+" : "") + (name === " " ? "Space" : name);
}

function isMeant(event, name) {
  const target = event.target instanceof Element ? event.target : document.body;
  if (event.defaultPrevented || event.isComposing) return false;
  if (event.altKey && !byAltGraph(event)) return false;
  if (target.closest(TYPING) || document.querySelector("dialog[open]")) return false;
  if (name.includes("Arrow") && target.closest("input[type=range]")) return false;
  if ((name === "Space" || name === "Enter") && target.closest("button, a, summary, input")) return false;
  return shortcuts.on || event.ctrlKey || event.metaKey || event.key.startsWith("Arrow");
}

/** The first entry that is active now, by its `when()` if it has one. */
function find(name) {
  return known.find((entry) => entry.keys.includes(name) && (entry.when?.() ?? true));
}

addEventListener("keydown", (event) => {
  if (event.key === "Unidentified" || event.key === undefined) return;
  const name = nameOf(event);
  const entry = find(name);
  if (!entry || !isMeant(event, name)) return;
  event.preventDefault();
  if (!event.repeat || entry.repeats) entry.run({ number: Number(name) });
});

/** The shortcut that was pressed last before the page listened (early_keys.js), as it is shown; or null. */
export function pressedTooEarly() {
  const { earlyKeys: early } = window;
  if (!early) return null;
  removeEventListener("keydown", early.note);
  const event = early.key;
  early.key = null;
  if (!event?.key) return null;
  const entry = find(nameOf(event));
  return entry && (shortcuts.on || event.ctrlKey || event.metaKey) ? entry.shown : null;
}

addEventListener("keyup", (event) => {
  if (event.key === undefined) return;
  const name = event.key === " " ? "Space" : event.key;
  for (const entry of known) if (entry.release && entry.keys.includes(name)) entry.release();
});

addEventListener("blur", () => {
  for (const entry of known) entry.release?.();
});
