// The fields whose value, given once, counts for all products that have none of their own.

import { FIELDS } from "../constants.js";
import { h } from "../dom.js";
import { labelWithUnit } from "../words.js";

const WITH_DEFAULT = new Set(["category", "mrp", "price", "gst"]);

/** `change()` is called after a value was saved in `defaults`. */
export function defaultFields(defaults, change) {
  const fields = FIELDS.filter(({ name }) => WITH_DEFAULT.has(name));
  return h(
    "fieldset",
    { class: "defaults" },
    h("legend", {}, "Where none is given"),
    h(
      "div",
      { class: "default-fields" },
      fields.map((field) => defaultField(field, defaults, change)),
    ),
  );
}

function defaultField({ name, ...field }, defaults, change) {
  const input = h("input", {
    type: "text",
    name: `default-${name}`,
    inputmode: field.kind === "text" ? "text" : "decimal",
    value: defaults[name] ?? "",
    placeholder: name === "category" ? "" : "optional",
    autocomplete: "off",
    onchange: () => {
      defaults[name] = input.value.trim();
      change();
    },
  });
  return h("label", { class: "field" }, h("span", {}, labelWithUnit(field)), input);
}
