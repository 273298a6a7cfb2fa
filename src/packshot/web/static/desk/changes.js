// A correction in words: each field, its value before and after.

import { count } from "./words.js";

const AMOUNTS = new Set(["mrp", "price", "discount", "gst"]);
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
  AMOUNTS.has(field) && value !== null && Number.isFinite(Number(value)) ? count(Number(value)) : text(value);
