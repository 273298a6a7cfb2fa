// Which of many products can be approved without looking at each.

import { doubtful, isBeingChecked, keepable } from "./doubt.js";
import { many } from "./words.js";

/** In bulk nobody looks at the pictures: none is approved before its check ended. */
const isWaiting = ({ images }) =>
  images.some((picture) => picture.status !== "approved" && isBeingChecked(picture));
export const isSure = (product) =>
  doubtful(product).length === 0 && keepable(product).length > 0 && !isWaiting(product);

/** A doubtful picture that is made again: the doubt may go. */
const isMadeAgain = ({ images }) => images.some(({ remake }) => remake?.going_on);

/** Why chosen products are not approved: pictures of `lost` ones can't be loaded, `left` are not sure. */
export function leftWords(left, lost = []) {
  const waiting = left.filter(
    (product) => isWaiting(product) && (!doubtful(product).length || isMadeAgain(product)),
  ).length;
  const warned = left.length - waiting;
  const gone = lost.length;
  const words = [
    gone && `${many(gone, "product has", "products have")} pictures that can't be loaded: loading again.`,
    warned && `${many(warned, "product has", "products have")} a warning: ${lookAt(warned)}.`,
    waiting &&
      `${many(waiting, "product is", "products are")} still being checked: wait, or ${lookAt(waiting)}.`,
  ];
  return words.filter(Boolean).join(" ");
}

const lookAt = (n) => `look at ${n === 1 ? "it" : "them"} one by one`;
