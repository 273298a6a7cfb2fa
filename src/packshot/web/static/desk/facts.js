// What the server says once for every page: the reasons for a rejection, and the sides of the previews.

import { pageData } from "./dom.js";

const { reasons, preview_sides } = pageData();

/** `[[code, words]]`, in the order of their numbers. */
export const REASONS = reasons;

/** The sides of a picture's previews in pixels: one for tiles, one for the desk. */
export const SMALL = Math.min(...preview_sides);
export const LARGE = Math.max(...preview_sides);

/** How a reason is written. */
export function reasonWords(reason) {
  if (reason === "superseded") return "A new round was asked for";
  return REASONS.find(([code]) => code === reason)?.[1] ?? reason;
}
