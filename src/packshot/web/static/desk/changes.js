// A correction in words: each field, its value before and after.

import { count } from "./words.js";

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
    .map((name) => line(name, before[name], after[name]));

const line = (field, before, after) =>
  `${NAMES[field] ?? field} ${valueWords(before)} → ${valueWords(after)}`;

/** A value as people write it: 1,090 for 1090 and "1090.00". */
export function valueWords(value) {
  if (value === null || value === undefined) return "nothing";
  const isAmount = typeof value === "number" || /^-?\d+\.\d\d$/.test(value);
  return isAmount ? count(Number(value)) : String(value);
}
