// Dialogs before a rejection: a reason in words, or what the next round should change.

import { adjustmentFields, adjustmentsOf, onlyLocal } from "./adjustments.js";
import { ask } from "./dialog.js";
import { h } from "./dom.js";
import { count, many } from "./words.js";

const textField = (label, props) =>
  h(
    "label",
    { class: "field" },
    h("span", {}, label),
    h("textarea", { maxlength: 1000, autofocus: true, ...props }),
  );

/** A reason in words; null when the reviewer cancelled. */
export const askNote = () =>
  ask({
    title: "Why is it rejected?",
    body: [textField("In a few words", { name: "note", rows: 3, required: true })],
    yes: "Reject",
    kind: "reject",
    answer: (form) => form.elements.note.value.trim() || null,
  });

/** Fields for what the next round should change: words, and choices, which come first where no words are read. */
export function wishFields(pictures) {
  const local = onlyLocal(pictures);
  const words = textField("What should be different?", {
    name: "words",
    rows: local ? 2 : 4,
    autofocus: !local,
    placeholder: local ? "For Gemini only" : "Keep the label sharp, and use a pure white background",
  });
  const choices = adjustmentFields(local);
  return local ? [choices, words] : [words, choices];
}

/** What the next rounds of these products should change: `{words, adjustments}`; null for nothing. */
export function askWishes(products) {
  const n = products.length;
  const pictures = products.flatMap((product) => product.images);
  return ask({
    title: n === 1 ? "Reject and make it again" : `Reject and make ${many(n, "product")} again`,
    body: [...wishFields(pictures), h("p", { class: "hint" }, hint(products, pictures))],
    yes: n === 1 ? "Make it again" : `Make ${count(n)} again`,
    answer(form) {
      const words = form.elements.words.value.trim() || null;
      const adjustments = adjustmentsOf(form);
      return words || adjustments.length ? { words, adjustments } : null;
    },
  });
}

function hint(products, pictures) {
  if (onlyLocal(pictures))
    return "The local enhancer can't read: choose what it should change. Words are for Gemini.";
  const made = products.reduce((sum, { wanted, images }) => sum + (wanted ?? images.length), 0);
  return `Gemini reads your words, and makes ${many(made, "new picture")}.`;
}
