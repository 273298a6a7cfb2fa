// A correction in words: each field, its value before and after.

import { count, plainMoney } from "./words.js";

/** How each amount is written. */
const AMOUNTS = { mrp: plainMoney, price: plainMoney, discount: plainMoney, gst: count };
const NAMES = { sku: "SKU", mrp: "MRP", gst: "GST", raw_image: "photo" };

/** "price 990 → 1,090; Colour red → blue": of the attributes those that differ. */
export const changeWords = (changes) =>
  Object.entries(changes)
    .flatMap(([field, [before, after]]) =>
      field === "attributes" ? attributeLines(before ?? {}, after ?? {}) : [line(field, before, after)],
    )
    .join("; ");

const attributeLines = (before, after) =>
  [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .filter((name) => before[name] !== after[name])
    .map((name) => `${name} ${text(before[name])} → ${text(after[name])}`);

const line = (field, before, after) =>
  `${NAMES[field] ?? field} ${valueWords(field, before)} → ${valueWords(field, after)}`;

const text = (value) => String(value ?? "nothing");

/** A field's value as people write it: an amount of "1090.00" is 1,090. */
export const valueWords = (field, value) =>
  AMOUNTS[field] && value !== null && Number.isFinite(Number(value))
    ? AMOUNTS[field](Number(value))
    : text(value);
