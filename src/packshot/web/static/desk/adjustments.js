// What a redo can change without words: the choices, as the API names them.

import { h } from "./dom.js";

/** Pairs that exclude each other, and single ones. */
const CHOICES = [
  [
    ["lighter", "Lighter"],
    ["darker", "Darker"],
  ],
  [
    ["warmer", "Warmer"],
    ["cooler", "Cooler"],
  ],
  [["keep_light", "Light and colour as in the photo"]],
  [
    ["tighter", "Closer"],
    ["looser", "More room"],
  ],
  [
    ["keep_background", "Keep the background"],
    ["cut_out", "Cut it out anyway"],
  ],
  [["straighten", "Straighten"]],
];
const NAMES = Object.fromEntries(CHOICES.flat());

/** Whether only the local enhancer made these pictures: it can't read, so choices come before words. */
export const onlyLocal = (pictures) =>
  pictures.length > 0 && pictures.every((picture) => picture.enhancer === "local");

/** Checkboxes for a dialog; ticking one of a pair clears the other. `first`: the first one has the focus. */
export function adjustmentFields(first = false) {
  return h(
    "fieldset",
    { class: "adjustments" },
    h("legend", {}, "Make it again, but"),
    CHOICES.flatMap((pair) =>
      pair.map(([name, label]) =>
        h(
          "label",
          { class: "choice" },
          h("input", {
            type: "checkbox",
            autofocus: first && name === CHOICES[0][0][0],
            name: "adjustments",
            value: name,
            onchange: (event) => event.target.checked && clearOthers(event.target, pair),
          }),
          h("span", {}, label),
        ),
      ),
    ),
  );
}

function clearOthers(box, pair) {
  for (const [name] of pair) {
    const other = box.form.querySelector(`input[value="${name}"]`);
    if (other !== box) other.checked = false;
  }
}

/** "Lighter, closer": the adjustments of a round. */
export const asked = (adjustments) => adjustments.map((name) => NAMES[name] ?? name).join(", ");

/** The names of what is ticked. */
export const adjustmentsOf = (form) =>
  [...form.querySelectorAll("input[name=adjustments]:checked")].map((box) => box.value);
