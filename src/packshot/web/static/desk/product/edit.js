// Corrects a product's own facts: its pictures stay as they are.

import { call, isExpected } from "../api.js";
import { FIELDS } from "../constants.js";
import { ask } from "../dialog.js";
import { h, icon } from "../dom.js";
import { toast } from "../toast.js";
import { labelWithUnit } from "../words.js";
import { readAmount } from "./amounts.js";

/** Fields of the photo, which are not edited with the facts. */
const OF_PHOTO = new Set(["raw_image", "filename"]);
const EDITED = FIELDS.filter(({ name }) => !OF_PHOTO.has(name));
const LONGEST_ATTRIBUTE = 8_192;

/** Ask for other facts until they are saved or the dialog is closed. Throws Away, Problem (412). */
export async function editFacts(product) {
  let given = texts(product);
  for (let refusal = NOTHING_REFUSED; ; ) {
    given = await askFacts(product, given, refusal);
    if (!given) return;
    const body = changes(product, given);
    if (!Object.keys(body).length) return;
    try {
      const saved = await save(product, body, isMeant(given, refusal));
      toast(saved.body.message);
      return;
    } catch (error) {
      if (!isExpected(error) || ![409, 422].includes(error.status)) throw error;
      refusal = refusalOf(error, given);
    }
  }
}

const NOTHING_REFUSED = { words: null, fields: {}, taken: null };

const save = ({ id, version }, body, allow) =>
  call("PATCH", `/api/products/${id}${allow ? "?on_duplicate=allow" : ""}`, { body, version });

/** The SKU and view, as one text. */
const viewOf = ({ sku, view }) => JSON.stringify([sku.trim(), view.trim()]);

/** Whether it was ticked that another product may have just this SKU and view. */
const isMeant = (given, { taken }) => given[MEANT] === "on" && viewOf(given) === taken;

/** The name of that tick; no attribute has it, because theirs begin with a colon. */
const MEANT = "on_duplicate";

/** What is wrong: `fields`, each by its name in the form, or else `words` about all. `taken`: a SKU and view. */
function refusalOf({ message, errors, code }, given) {
  const fields = Object.fromEntries(errors.map(({ pointer, detail }) => [nameOf(pointer), detail]));
  const areAllShown = errors.length > 0 && Object.keys(fields).every((name) => name in given);
  const taken = code === "view_taken" ? viewOf(given) : null;
  return { words: areAllShown ? null : message, fields, taken };
}

/** "/price" is price, "/attributes/Care~1wash" is :Care/wash. */
const nameOf = (pointer) =>
  pointer
    .replace(/^\/(attributes\/)?/, (start) => (start.length > 1 ? ":" : ""))
    .replaceAll("~1", "/")
    .replaceAll("~0", "~");

/** The facts as texts: a field by its name, an attribute by its name after a colon. */
function texts(product) {
  const fields = EDITED.map(({ name }) => [name, String(product[name] ?? "")]);
  const attributes = Object.entries(product.attributes ?? {}).map(([name, text]) => [`:${name}`, text]);
  return Object.fromEntries([...fields, ...attributes]);
}

function askFacts(product, given, refusal) {
  return ask({
    title: `Edit product ${product.id}`,
    wide: true,
    body: [
      refusal.words && wrong(refusal.words),
      refusal.taken &&
        h(
          "label",
          { class: "check" },
          h("input", { type: "checkbox", name: MEANT }),
          h("span", {}, "Save it: both are meant to have this SKU"),
        ),
      h(
        "div",
        { class: "fact-fields" },
        EDITED.map((field) =>
          input(field.name, labelWithUnit(field), given[field.name], field.longest, refusal),
        ),
        Object.keys(product.attributes ?? {}).map((name) =>
          input(`:${name}`, name, given[`:${name}`], LONGEST_ATTRIBUTE, refusal),
        ),
      ),
      h(
        "p",
        { class: "hint" },
        "Its pictures stay as they are. Alternative texts that are made from the name follow it.",
      ),
    ],
    yes: "Save",
    answer: (form) => Object.fromEntries(new FormData(form)),
  });
}

const wrong = (words, id = null) =>
  h("span", { class: "row-error", role: "alert", id }, icon("warning"), h("span", {}, words));

/** A text of several lines keeps them. The first refused field gets the focus. */
function input(name, words, value, most, { fields }) {
  const tag = value.includes("\n") ? "textarea" : "input";
  const kind = most ? { maxlength: most } : { inputmode: "decimal" };
  const props = { name, value, required: name === "category", autocomplete: "off", ...kind };
  if (!(name in fields)) return h("label", { class: "field" }, h("span", {}, words), h(tag, props));
  const id = `wrong-${name}`;
  const field = h(tag, { ...props, autofocus: true, "aria-invalid": "true", "aria-describedby": id });
  return h(
    "div",
    { class: "field" },
    h("label", { class: "field" }, h("span", {}, words), field),
    wrong(fields[name], id),
  );
}

const KINDS = new Map(FIELDS.map(({ name, kind }) => [name, kind]));

function givenValue(name, text) {
  const kind = KINDS.get(name);
  return (kind === "text" ? text.trim() : readAmount(text, kind === "percentage")) || null;
}

/** What differs, for the correction; an empty text removes a field. */
function changes(product, given) {
  const before = texts(product);
  const differing = Object.keys(before).filter((name) => given[name].trim() !== before[name].trim());
  const body = {};
  for (const name of differing.filter((one) => !one.startsWith(":")))
    body[name] = givenValue(name, given[name]);
  if (differing.some((name) => name.startsWith(":"))) {
    const kept = Object.keys(product.attributes).filter((name) => given[`:${name}`].trim());
    body.attributes = Object.fromEntries(kept.map((name) => [name, given[`:${name}`]]));
  }
  return body;
}
