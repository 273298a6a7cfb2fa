// The questions about a product's pictures; each resolves with the answer, or null.

import { adjustmentsOf } from "../adjustments.js";
import { REASONS } from "../constants.js";
import { ask } from "../dialog.js";
import { h } from "../dom.js";
import { wishFields } from "../questions.js";

export const askAltText = (picture) =>
  ask({
    title: `Alt text of picture ${picture.variant + 1}`,
    body: [
      h(
        "label",
        { class: "field" },
        h("span", {}, "What the picture shows, in at most 125 characters"),
        h("textarea", { name: "words", rows: 3, maxlength: 125, autofocus: true, value: picture.alt_text }),
      ),
      h("p", { class: "hint" }, "Empty: from the name, the view and what the enhancer saw."),
    ],
    yes: "Save",
    answer: (form) => ({ alt_text: form.elements.words.value.trim() || null }),
  });

export function askWhyRejected(picture) {
  const reason = h(
    "select",
    { name: "reason" },
    h("option", { value: "" }, "No reason"),
    REASONS.map(([code, text]) => h("option", { value: code }, text)),
  );
  const note = h("textarea", { name: "note", rows: 2, maxlength: 1000 });
  return ask({
    title: `Reject picture ${picture.variant + 1}`,
    body: [
      h("label", { class: "field" }, h("span", {}, "Because of"), reason),
      h("label", { class: "field" }, h("span", {}, "Note"), note),
    ],
    yes: "Reject",
    kind: "reject",
    answer: () => ({ reason: reason.value || undefined, note: note.value.trim() || undefined }),
  });
}

export const askNewRound = (images) =>
  ask({
    title: "Make it again",
    body: [
      ...wishFields(images),
      h("p", { class: "hint" }, "A new round begins. Pictures that are undecided now are closed."),
    ],
    yes: "Make it again",
    answer: (form) => ({
      instructions: form.elements.words.value.trim() || undefined,
      adjustments: adjustmentsOf(form),
    }),
  });
