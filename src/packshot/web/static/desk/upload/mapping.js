// Lets the user change how columns and numbers of the spreadsheet and names of photos are read.

import { h } from "../dom.js";
import { FIELDS } from "../facts.js";

/** What a column can be mapped onto. */
const CHOICES = [
  ...FIELDS.map(({ name, label }) => [name, label]),
  ["attribute", "Keep as an attribute"],
  ["left_out", "Leave out"],
];
/** The column of the note that names may be read in two ways. */
export const NAMES = "Names of photos";
const SIGN_WORDS = { "": "Choose", point: "1,299.00", comma: "1.299,00" };

/** The mapping step of a spreadsheet. `change()` is called after a choice was saved in `choices`. */
export function mappingForm(plan, choices, change) {
  if (!plan.columns.length) return null;
  return h(
    "details",
    { class: "import-list mapping", open: wasChanged(choices) || isOpen(plan) },
    h("summary", {}, h("span", {}, "Columns and numbers"), h("span", { class: "hint" }, plan.form)),
    h(
      "ul",
      {},
      plan.columns.map((column) => columnLine(column, plan, choices, change)),
    ),
  );
}

const isOpen = (plan) => Object.values(plan.conventions).some((one) => one.sign === null);
const wasChanged = ({ mapping, conventions }) => Object.keys({ ...mapping, ...conventions }).length > 0;

function columnLine(column, plan, choices, change) {
  const field = chooser(`${column.name} is`, CHOICES, plan.mapping[column.name], (value) => {
    choices.mapping[column.name] = value;
    change();
  });
  return h(
    "li",
    { class: "column" },
    h(
      "p",
      { class: "column-name" },
      h("strong", {}, column.name),
      h("span", { class: "hint" }, column.samples.join(" · ") || "empty"),
    ),
    field,
    signChooser(column, plan.conventions[column.name], choices, change),
  );
}

function signChooser(column, convention, choices, change) {
  if (!convention) return null;
  const signs = Object.entries(SIGN_WORDS).filter(([sign]) => sign || convention.sign === null);
  const select = chooser(`Numbers of ${column.name} are written`, signs, convention.sign ?? "", (value) => {
    choices.conventions[column.name] = value;
    change();
  });
  select.title = convention.reason;
  return select;
}

function chooser(label, options, value, chosen) {
  const select = h(
    "select",
    { "aria-label": label, onchange: () => chosen(select.value) },
    options.map(([name, words]) => h("option", { value: name, selected: name === value }, words)),
  );
  return select;
}

/** The pattern of photos' names, for an upload without a spreadsheet. */
export function patternField(plan, choices, change) {
  if (plan.photos.pattern === null) return null;
  const doubt = plan.problems.find(({ column }) => column === NAMES);
  const input = h("input", {
    type: "text",
    name: "pattern",
    value: choices.pattern || plan.photos.pattern,
    autocomplete: "off",
    onchange: () => {
      choices.pattern = input.value.trim();
      change();
    },
  });
  return h(
    "label",
    { class: "field pattern" },
    h("span", {}, "Photos are named"),
    input,
    h("span", { class: "hint" }, "{sku}, {view} and {any}; several patterns with | between them"),
    doubt && h("span", { class: "warning" }, doubt.detail),
  );
}
