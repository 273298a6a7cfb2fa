// Corrects the products that a spreadsheet's SKUs have already.

import { call } from "../api.js";

const IN_ONE_REQUEST = 200;
const TIMEOUT_MS = 60_000;

/**
 * `[{sku, product_id, view, changes, refused}]` of every product that has one of the SKUs. They are corrected
 * unless `dryRun`: the products get what the spreadsheet says of their SKU. They are added to `found`, also
 * where a later request throws Away or Problem.
 */
export async function correctSkus(facts, dryRun, found = []) {
  for (let from = 0; from < facts.length; from += IN_ONE_REQUEST) {
    const products = facts.slice(from, from + IN_ONE_REQUEST);
    const corrected = await correct(products, dryRun);
    found.push(...corrected.map((one) => ({ ...one, sku: products[one.index].sku })));
  }
  return found;
}

/** Facts that the server refuses are left out: the products of their SKUs say why. */
async function correct(products, dryRun) {
  try {
    return await ask(products, dryRun);
  } catch (error) {
    const refused = refusals(error);
    if (!refused.size) throw error;
    const sound = products.map((each, index) => (refused.has(index) ? { sku: each.sku } : each));
    const found = await ask(sound, dryRun);
    return found.map((one) => ({ ...one, refused: refused.get(one.index) ?? one.refused }));
  }
}

async function ask(products, dryRun) {
  const url = `/api/products/corrections?dry_run=${dryRun}`;
  return (await call("POST", url, { body: { products }, timeout: TIMEOUT_MS })).body.data.products;
}

/** `Map` index -> what is wrong, of the errors at "/products/3/price". */
function refusals({ errors = [] }) {
  const found = new Map();
  for (const { pointer, detail } of errors) {
    const [, index, field] = pointer.match(/^\/products\/(\d+)\/(.+)$/) ?? [];
    if (field) found.set(Number(index), `${field}: ${detail}`);
  }
  return found;
}

/** Those that a correction changes. */
export const changing = (existing) => existing.filter((one) => Object.keys(one.changes).length);
