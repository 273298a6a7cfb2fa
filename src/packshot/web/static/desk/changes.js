// A correction in words: each field, its value before and after.

import { FIELDS } from "./constants.js";
import { count, plainMoney } from "./words.js";

/** How each kind of amount is written. */
const AMOUNTS = { money: plainMoney, percentage: count };

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
  `${nameWords(field)} ${valueWords(field, before)} → ${valueWords(field, after)}`;

const find = (field) => FIELDS.find(({ name }) => name === field);

/** A field's label inside a sentence: "price", "SKU". */
function nameWords(field) {
  if (field === "raw_image") return "photo";
  const label = find(field)?.label ?? field;
  return label === label.toUpperCase() ? label : label.toLowerCase();
}

const text = (value) => String(value ?? "nothing");

/** A field's value as people write it: an amount of "1090.00" is 1,090. */
export function valueWords(field, value) {
  const write = AMOUNTS[find(field)?.kind];
  return write && value !== null && Number.isFinite(Number(value)) ? write(Number(value)) : text(value);
}
