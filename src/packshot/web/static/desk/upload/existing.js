// The products that a spreadsheet's SKUs have already: what would change, and the corrections.

import { call } from "../api.js";
import { changeWords, valueWords } from "../changes.js";
import { h } from "../dom.js";
import { at } from "../place.js";

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

/** A photo that has a product already, and what differs from its row. */
export const skippedLine = ({ row, known: { product_id, differs } }) =>
  h(
    "li",
    {},
    h("strong", {}, row.photo ?? row.fields.raw_image),
    h("a", { href: at(`/products/${product_id}`) }, `Product ${product_id}`),
    differs &&
      h(
        "span",
        { class: "warning" },
        Object.entries(differs)
          .map((one) => kept(one, row.fields))
          .join("; "),
      ),
  );

/** A photo that a product has under another SKU or view, as after a corrected SKU. */
export function elsewhereLine({ photo, fields }, plan) {
  const { product_id, sku, view } = plan.elsewhere.get(photo);
  const named = (...parts) => parts.filter(Boolean).join(" · ") || "no SKU";
  return h(
    "li",
    {},
    h("strong", {}, photo),
    h(
      "a",
      { href: at(`/products/${product_id}`), target: "_blank" },
      `Product ${product_id}, ${named(sku, view)}`,
    ),
    h("span", { class: "warning" }, `It would be made again as ${named(fields.sku, fields.view)}`),
  );
}

/** A photo that is given twice under one SKU. */
export const repeatedLine = ({ photo, fields }, plan) =>
  h(
    "li",
    {},
    h("strong", {}, photo),
    h(
      "span",
      { class: "warning" },
      `The same photo as ${plan.repeated.get(photo)}: both are made, as views of ${fields.sku}, unless one is` +
        " named as a copy of the other",
    ),
  );

/** A photo whose SKU and view a product has with another photo. */
export const sameViewLine = ({ row, same: { product_id, sku, view, status } }) =>
  h(
    "li",
    {},
    h("strong", {}, row.photo),
    h(
      "a",
      { href: at(`/products/${product_id}`), target: "_blank" },
      `Product ${product_id}, ${[sku, view].filter(Boolean).join(" · ")}`,
    ),
    status === "pending" && h("span", { class: "warning" }, "Its pictures are being made from another photo"),
  );

/** "price: 2,499 is kept, not 1,999". */
function kept([field, value], fields) {
  if (field === "attributes")
    return `kept as they are: ${changeWords({ attributes: [value, { ...value, ...fields.attributes }] })}`;
  return `${field}: ${valueWords(field, value)} is kept, not ${valueWords(field, fields[field])}`;
}
