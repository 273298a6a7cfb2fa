// Which of many products can be approved without looking at each, and the question before all are decided.

import { REASONS } from "../constants.js";
import { ask } from "../dialog.js";
import { h, warning } from "../dom.js";
import { doubtful, isBeingChecked, keepable } from "../doubt.js";
import { count, many } from "../words.js";

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

/** The answer, with the reason of a rejection; null when it was "no". `leftOut` says why others stay as they are. */
export function confirmed(status, products, leftOut) {
  const approving = status === "approved";
  const n = products.length;
  return ask({
    title: `${approving ? "Approve" : "Reject"} ${many(n, "product")}?`,
    body: approving ? approvedWords(products, leftOut) : [reasonField()],
    yes: approving ? `Approve ${count(n)}` : `Reject ${count(n)}`,
    kind: approving ? "approve" : "reject",
    answer: (form) => ({ reason: form.elements.reason?.value || null }),
  });
}

function approvedWords(products, leftOut) {
  const all = products.reduce((sum, product) => sum + product.images.length, 0);
  const kept = products.reduce((sum, product) => sum + keepable(product).length, 0);
  const before = all - kept;
  const words = before
    ? `${many(kept, "picture")} approved; ${many(before, "stays", "stay")} rejected, as decided before.`
    : `All their ${many(kept, "picture")} are approved.`;
  return [h("p", {}, words), leftOut && warning(leftOut)].filter(Boolean);
}

function reasonField() {
  const reasons = REASONS.filter(([code]) => code !== "other");
  return h(
    "label",
    { class: "field" },
    h("span", {}, "Because of"),
    h(
      "select",
      { name: "reason" },
      h("option", { value: "" }, "No reason"),
      reasons.map(([code, words]) => h("option", { value: code }, words)),
    ),
  );
}
