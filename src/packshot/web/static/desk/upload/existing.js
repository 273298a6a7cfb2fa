// The products that a spreadsheet's SKUs have already: what would change, and the corrections.

import { call } from "../api.js";
import { changeWords } from "../changes.js";
import { h } from "../dom.js";
import { at } from "../place.js";

const IN_ONE_REQUEST = 200;
const TIMEOUT_MS = 60_000;

/**
 * `[{sku, product_id, view, changes, refused}]` of every product that has one of the SKUs. They are corrected
 * unless `dryRun`: the products get what the spreadsheet says of their SKU. Throws Away, Problem.
 */
export async function correctSkus(facts, dryRun) {
  const found = [];
  for (let from = 0; from < facts.length; from += IN_ONE_REQUEST) {
    const products = facts.slice(from, from + IN_ONE_REQUEST);
    const url = `/api/products/corrections?dry_run=${dryRun}`;
    const { body } = await call("POST", url, { body: { products }, timeout: TIMEOUT_MS });
    found.push(...body.data.products.map((one) => ({ ...one, sku: products[one.index].sku })));
  }
  return found;
}

export const changing = (existing) => existing.filter((one) => Object.keys(one.changes).length);

/** "CAP-01 · front   Product 7   price 990 → 1,090". */
export function existingLine({ sku, view, product_id, changes, refused }) {
  const words = refused ?? changeWords(changes);
  return h(
    "li",
    {},
    h("strong", {}, [sku, view].filter(Boolean).join(" · ")),
    h("a", { href: at(`/products/${product_id}`), target: "_blank" }, `Product ${product_id}`),
    h("span", { class: refused ? "warning" : null }, words || "The same as in the spreadsheet"),
  );
}
