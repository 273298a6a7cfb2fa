// Constants that the server puts into every page: the rejection reasons, the sizes of the previews, and a
// product's fields.

import { pageData } from "./dom.js";

const { reasons, preview_sides, product_fields } = pageData();

/** `[[code, words]]`, in the order of their numbers. */
export const REASONS = reasons;

/** The sides of a picture's previews in pixels: for tiles, and for the desk. */
export const SMALL = Math.min(...preview_sides);
export const LARGE = Math.max(...preview_sides);

/** What a seller gives: `[{name, label, kind, longest}]`, `longest` the most characters of a text. */
export const FIELDS = product_fields;

/** The words for a reason. */
export function reasonWords(reason) {
  if (reason === "superseded") return "A new round was asked for";
  return REASONS.find(([code]) => code === reason)?.[1] ?? reason;
}
