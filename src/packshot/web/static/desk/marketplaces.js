// The marketplaces: their chooser, which begins with the one chosen last in this browser, and how pictures comply.

import { call } from "./api.js";
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

/** The pictures are decoded and measured for it. */
const TIMEOUT_MS = 120_000;

/**
 * `{title, checked, pictures: [{image_id, main, rows}]}`; with `asMain` each picture is measured as the main one.
 * Throws Away, Problem.
 */
export async function measure(productId, preset, { asMain = false } = {}) {
  const query = new URLSearchParams({ preset, ...(asMain && { as_main: true }) });
  const url = `/api/products/${productId}/compliance?${query}`;
  return (await call("GET", url, { timeout: TIMEOUT_MS })).body.data;
}
