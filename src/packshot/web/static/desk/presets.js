// The chooser of a marketplace's preset: each begins with the one that was chosen last in this browser.

import { h, pageData } from "./dom.js";
import { recall, remember } from "./memory.js";

/** `[[name, title]]`. */
const { presets } = pageData();

export const rememberPreset = (name) => remember("preset", name);

/** A <select> that has `none` first, then the presets in `words`. */
export function presetSelect(none, { words = (title) => title, ...props } = {}) {
  const last = recall("preset") ?? "";
  return h(
    "select",
    props,
    h("option", { value: "" }, none),
    presets.map(([name, title]) => h("option", { value: name, selected: name === last }, words(title))),
  );
}
