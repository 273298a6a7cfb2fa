// What a pressed key is called in a list of shortcuts, on every layout.

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
export const byAltGraph = (event) => event.getModifierState("AltGraph") && isCharacter(event);

/** The key with its modifiers: "a", "shift+r", "ctrl+z", "Space" or "Escape". */
export function nameOf(event) {
  const name = isCharacter(event) ? characterOf(event) : event.key;
  const shifted = event.shiftKey && /^([a-z]$|Arrow)/.test(name);
  const control = (event.ctrlKey || event.metaKey) && !byAltGraph(event);
  return (control ? "ctrl+" : "") + (shifted ? "shift+" : "") + (name === " " ? "Space" : name);
}
