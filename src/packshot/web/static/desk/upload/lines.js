// The lines of the upload page's lists that name products.

import { changeWords, valueWords } from "../changes.js";
import { h } from "../dom.js";
import { at } from "../place.js";

const named = (sku, view) => [sku, view].filter(Boolean).join(" · ");

const link = (id, words = `Product ${id}`) =>
  h("a", { href: at(`/products/${id}`), target: "_blank" }, words);

const warningSpan = (words) => h("span", { class: "warning" }, words);

const line = (title, ...parts) => h("li", {}, h("strong", {}, title), parts);

/** "CAP-01 · front   Product 7   price 990 → 1,090". */
export function existingLine({ sku, view, product_id, changes, refused }) {
  const words = refused ?? changeWords(changes);
  return line(
    named(sku, view),
    link(product_id),
    h("span", { class: refused ? "warning" : null }, words || "The same as in the spreadsheet"),
  );
}

/** A product whose photo was replaced. */
export const replacedLine = ({ id, sku, view }) => line(named(sku, view), link(id));

/** A photo that has a product already, and what differs from its row. */
export const skippedLine = ({ row, known: { product_id, differs } }) =>
  line(
    row.photo ?? row.fields.raw_image,
    h("a", { href: at(`/products/${product_id}`) }, `Product ${product_id}`),
    differs &&
      warningSpan(
        Object.entries(differs)
          .map((one) => kept(one, row.fields))
          .join("; "),
      ),
  );

/** A photo that a product has under another SKU or view, as after a corrected SKU. */
export function elsewhereLine({ photo, fields }, plan) {
  const { product_id, sku, view } = plan.elsewhere.get(photo);
  const words = (...names) => named(...names) || "no SKU";
  return line(
    photo,
    link(product_id, `Product ${product_id}, ${words(sku, view)}`),
    warningSpan(`It would be made again as ${words(fields.sku, fields.view)}`),
  );
}

/** A photo that is given twice under one SKU. */
export const repeatedLine = ({ photo, fields }, plan) =>
  line(
    photo,
    warningSpan(`The same photo as ${plan.repeated.get(photo)}: both are made, as views of ${fields.sku}`),
  );

/** A photo that is made once with the one that it is a copy of. */
export const copyLine = ({ photo }, plan) =>
  line(photo, `the same photo as ${plan.copies.get(photo)}: it is made once`);

/** A photo whose SKU and view a product has with another photo. */
export const sameViewLine = ({ row, same: { product_id, sku, view, status } }) =>
  line(
    row.photo,
    link(product_id, `Product ${product_id}, ${named(sku, view)}`),
    warningSpan(
      status === "pending" ? "Its pictures are being made from another photo" : "It has another photo",
    ),
  );

/** "price: 2,499 is kept, not 1,999". */
function kept([field, value], fields) {
  if (field === "attributes")
    return `kept as they are: ${changeWords({ attributes: [value, { ...value, ...fields.attributes }] })}`;
  return `${field}: ${valueWords(field, value)} is kept, not ${valueWords(field, fields[field])}`;
}
