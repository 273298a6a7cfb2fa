// Dialogs before a rejection: a reason in words, or what the next round should change.

import { adjustmentFields, adjustmentsOf, onlyLocal } from "./adjustments.js";
import { ask } from "./dialog.js";
import { h } from "./dom.js";
import { many } from "./words.js";

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

/** What the next round should change: `{words, adjustments}`; null for nothing. */
export const askWishes = (product) =>
  ask({
    title: "Reject and make it again",
    body: [...wishFields(product.images), h("p", { class: "hint" }, hint(product))],
    yes: "Make it again",
    answer(form) {
      const words = form.elements.words.value.trim() || null;
      const adjustments = adjustmentsOf(form);
      return words || adjustments.length ? { words, adjustments } : null;
    },
  });

const hint = (product) =>
  onlyLocal(product.images)
    ? "The local enhancer can't read: choose what it should change. Words are for Gemini."
    : `Your words go to the enhancer. It makes ${many(product.wanted ?? product.images.length, "new picture")}.`;
