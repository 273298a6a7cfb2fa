// Asks before many products are decided on together.

import { REASONS } from "./constants.js";
import { ask } from "./dialog.js";
import { h, warning } from "./dom.js";
import { keepable } from "./doubt.js";
import { count, many } from "./words.js";

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
