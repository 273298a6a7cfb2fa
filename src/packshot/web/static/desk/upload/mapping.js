// Lets the user change how columns and numbers of the spreadsheet and names of photos are read.

import { FIELDS } from "../constants.js";
import { h, icon } from "../dom.js";

/** What a column can be mapped onto. */
const CHOICES = [
  ...FIELDS.map(({ name, label }) => [name, label]),
  ["attribute", "Keep as an attribute"],
  ["left_out", "Leave out"],
];
/** The column of the note that names may be read in two ways. */
export const NAMES = "Names of photos";
const NO_SKU = "no column was read as the SKU";
const SIGN_WORDS = { "": "Choose", point: "1,299.00", comma: "1.299,00" };

/** Whether no column of the spreadsheet is read as the SKU: photos can't be matched then. */
export const lacksSku = (plan) => plan.columns.length > 0 && !Object.values(plan.mapping).includes("sku");

/** Says so above everything else, with the column that may be it. */
export function skuQuestion(plan) {
  if (!lacksSku(plan)) return null;
  const found = plan.problems.find(({ detail }) => detail.startsWith(NO_SKU));
  const words = `${found?.detail ?? NO_SKU}. Choose it under "Columns and numbers".`;
  return h("p", { class: "warning", role: "alert" }, icon("warning"), h("span", {}, capital(words)));
}

const capital = (words) => words[0].toUpperCase() + words.slice(1);

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

const isOpen = (plan) => lacksSku(plan) || Object.values(plan.conventions).some((one) => one.sign === null);
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
