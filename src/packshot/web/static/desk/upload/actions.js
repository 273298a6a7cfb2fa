// The options and the button that sends, above a plan.

import { h, icon } from "../dom.js";
import { many } from "../words.js";
import { changing } from "./existing.js";
import { lacksSku } from "./mapping.js";
import { badPhotos } from "./plan.js";

/**
 * The actions for `made` products; `skipped` ones exist already. `lock` is what PIXEL_LOCK says, null without
 * Gemini. `redraw()` is called after a choice that changes the plan.
 */
export function planActions({ plan, choices, faults, made, skipped, lock }, clear, redraw) {
  const updates = choices.update ? changing(plan.existing).length : 0;
  const others = badPhotos(plan, faults).length > 0;
  const asks = lacksSku(plan) && made > 0;
  const open = asks && !choices.withoutSku;
  const submit = h(
    "button",
    { type: "submit", class: "button primary", disabled: open || (!made && !updates) },
    icon("upload"),
    h("span", {}, open ? "Which column is the SKU?" : submitWords(made, skipped, updates, others)),
  );
  return h(
    "div",
    { class: "form-actions import-actions" },
    ticks(plan, choices, { lock, asks, made }, redraw),
    clear,
    submit,
  );
}

/** `others` is whether some of the photos can't be used. */
function submitWords(made, skipped, updates, others) {
  const update = many(updates, "product");
  if (updates && !made) return `Update ${update}`;
  const all = many(made, skipped ? "new product" : "product");
  const products = others && !skipped ? `the other ${made === 1 ? "product" : all}` : all;
  return `Make pictures of ${products}${updates ? `, update ${update}` : ""}`;
}

function ticks(plan, choices, { lock, asks, made }, redraw) {
  const changes = changing(plan.existing).length;
  const update = `Update ${many(changes, "existing product")} as the spreadsheet says; pictures stay`;
  const again = "Make photos again that have products already; they are skipped otherwise";
  const locked = "Put the photo's own pixels over the product, if measurements allow it";
  const without = `Make ${many(made, "product")} without a SKU: exports can't name their pictures by it`;
  choices.lock ??= lock;
  return h(
    "div",
    { class: "ticks" },
    asks && tick(choices, "withoutSku", without, redraw),
    changes > 0 && tick(choices, "update", update, redraw),
    tick(choices, "again", again, redraw),
    lock !== null && tick(choices, "lock", locked),
  );
}

function tick(choices, name, words, changed = () => {}) {
  const input = h("input", {
    type: "checkbox",
    name,
    checked: choices[name],
    onchange: () => {
      choices[name] = input.checked;
      changed();
    },
  });
  return h("label", { class: "tick" }, input, h("span", {}, words));
}
