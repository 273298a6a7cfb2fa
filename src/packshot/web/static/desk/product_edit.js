// Corrects a product's own facts: its pictures stay as they are.

import { call, isExpected } from "./api.js";
import { ask } from "./dialog.js";
import { h, icon } from "./dom.js";

const { currency } = document.body.dataset;
const money = (words) => (currency ? `${words} (${currency})` : words);

/** [field, words, the most characters; none for an amount] */
const FIELDS = [
  ["sku", "SKU", 100],
  ["name", "Name", 200],
  ["view", "View", 40],
  ["category", "Category", 100],
  ["price", money("Price")],
  ["mrp", money("MRP")],
  ["discount", money("Discount")],
  ["gst", "GST %"],
];
const LONGEST_ATTRIBUTE = 8_192;

/** Ask for other facts until they are saved or the dialog is closed. Throws Away, Problem (412). */
export async function editFacts(product) {
  let given = texts(product);
  for (let refusal = null; ; ) {
    given = await askFacts(product, given, refusal);
    if (!given) return;
    const body = changes(product, given);
    if (!Object.keys(body).length) return;
    try {
      await call("PATCH", `/api/products/${product.id}`, { body, version: product.version });
      return;
    } catch (error) {
      if (!isExpected(error) || ![409, 422].includes(error.status)) throw error;
      refusal = error.message;
    }
  }
}

/** The facts as texts: a field by its name, an attribute by its name after a colon. */
function texts(product) {
  const fields = FIELDS.map(([name]) => [name, String(product[name] ?? "")]);
  const attributes = Object.entries(product.attributes ?? {}).map(([name, text]) => [`:${name}`, text]);
  return Object.fromEntries([...fields, ...attributes]);
}

function askFacts(product, given, refusal) {
  return ask({
    title: `Edit product ${product.id}`,
    wide: true,
    body: [
      refusal && h("p", { class: "row-error", role: "alert" }, icon("warning"), h("span", {}, refusal)),
      h(
        "div",
        { class: "fact-fields" },
        FIELDS.map(([name, words, most]) => input(name, words, given[name], most)),
        Object.keys(product.attributes ?? {}).map((name) =>
          input(`:${name}`, name, given[`:${name}`], LONGEST_ATTRIBUTE),
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

/** A text of several lines keeps them. */
function input(name, words, value, most) {
  const tag = value.includes("\n") ? "textarea" : "input";
  const kind = most ? { maxlength: most } : { inputmode: "decimal" };
  const field = h(tag, { name, value, required: name === "category", autocomplete: "off", ...kind });
  return h("label", { class: "field" }, h("span", {}, words), field);
}

/** What differs, for the correction; an empty text removes a field. */
function changes(product, given) {
  const before = texts(product);
  const differing = Object.keys(before).filter((name) => given[name].trim() !== before[name].trim());
  const body = {};
  for (const name of differing.filter((one) => !one.startsWith(":"))) body[name] = given[name].trim() || null;
  if (differing.some((name) => name.startsWith(":"))) {
    const kept = Object.keys(product.attributes).filter((name) => given[`:${name}`].trim());
    body.attributes = Object.fromEntries(kept.map((name) => [name, given[`:${name}`]]));
  }
  return body;
}
