// The options and the button that sends, above a plan.

import { h, icon } from "../dom.js";
import { many } from "../words.js";
import { changing } from "./corrections.js";
import { lacksSku } from "./mapping.js";
import { badPhotos, FURTHER, LEAVE, REPLACE, withSameView } from "./plan.js";

/**
 * The actions for `made` products; `skipped` ones exist already. `lock` is what PIXEL_LOCK says, null without
 * Gemini. `redraw()` is called after a choice that changes the plan.
 */
export function planActions({ plan, choices, unusable, made, skipped, lock }, clear, redraw) {
  const updates = choices.update ? changing(plan.existing).length : 0;
  const same = withSameView(plan, unusable).length;
  const replaced = choices.sameView === REPLACE ? same : 0;
  const others = badPhotos(plan, unusable).length > 0;
  const asks = lacksSku(plan) && made > 0;
  const open = asks && !choices.withoutSku;
  const submit = h(
    "button",
    { type: "submit", class: "button primary", disabled: open || (!made && !updates && !replaced) },
    icon("upload"),
    h(
      "span",
      {},
      open ? "Which column is the SKU?" : submitWords({ made, skipped, updates, others, replaced }),
    ),
  );
  return h(
    "div",
    { class: "form-actions import-actions" },
    ticks(plan, choices, { lock, asks, made, same }, redraw),
    clear,
    submit,
  );
}

/** `others` is whether some of the photos can't be used. */
function submitWords({ made, skipped, updates, others, replaced }) {
  const all = many(made, skipped || replaced ? "new product" : "product");
  const products = others && !skipped ? `the other ${made === 1 ? "product" : all}` : all;
  const words = [
    (made || !(updates || replaced)) && `make pictures of ${products}`,
    replaced > 0 && `replace ${many(replaced, "photo")}`,
    updates > 0 && `update ${many(updates, "product")}`,
  ];
  const text = words.filter(Boolean).join(", ");
  return text[0].toUpperCase() + text.slice(1);
}

function ticks(plan, choices, { lock, asks, made, same }, redraw) {
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
    same > 0 && sameViewChoice(choices, same, redraw),
    tick(choices, "again", again, redraw),
    lock !== null && tick(choices, "lock", locked),
  );
}

/** Only a person knows whether another photo of a SKU and view replaces the first one. */
function sameViewChoice(choices, same, changed) {
  const ways = {
    [LEAVE]: "leave these photos out",
    [REPLACE]: "replace the products' photos, and make their pictures again",
    [FURTHER]: "make further products",
  };
  const select = h(
    "select",
    {
      name: "sameView",
      onchange: () => {
        choices.sameView = select.value;
        changed();
      },
    },
    Object.entries(ways).map(([value, words]) =>
      h("option", { value, selected: value === choices.sameView }, words),
    ),
  );
  const words = `${many(same, "product")} with another photo of the same SKU and view: `;
  return h("label", { class: "tick" }, h("span", {}, words, select));
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
