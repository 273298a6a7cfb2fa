// Asks the server how a product's pictures comply with a marketplace's rules.

import { call } from "./api.js";

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
