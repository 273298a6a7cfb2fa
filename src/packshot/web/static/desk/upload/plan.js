// Asks the server for a plan of the chosen files; creates nothing.

import { call } from "../api.js";
import { correctSkus } from "./corrections.js";

const TIMEOUT_MS = 90_000;
/** What becomes of a photo whose SKU and view a product has with another photo. */
export const LEAVE = "leave";
export const REPLACE = "replace";
export const FURTHER = "further";
const LISTS = { rows: [], problems: [] };

/** The user's choices; the server decides the empty ones. */
export const newChoices = () => ({
  mapping: {},
  conventions: {},
  defaults: { category: "Products" },
  assigned: {},
  pattern: "",
  again: false,
  sameView: LEAVE,
  update: false,
  withoutSku: false,
  lock: null,
});

/**
 * `data` of `POST /api/imports`, and the products that its SKUs have already (`existing`): only the
 * names of the photos are sent. Throws Away, Problem.
 */
export async function askPlan(chosen, choices) {
  if (!chosen.sheet && !chosen.photos.size)
    return { ...LISTS, photos: noPhotos(), columns: [], existing: [] };
  const plan = await askImport(chosen, choices);
  return { ...plan, existing: await correctSkus(skusOf(plan), true) };
}

/** The facts of each SKU; of photos without a spreadsheet the SKUs alone. */
function skusOf(plan) {
  if (plan.facts.length) return plan.facts;
  const skus = new Set(plan.rows.map((row) => row.sku).filter(Boolean));
  return [...skus].map((sku) => ({ sku }));
}

async function askImport(chosen, choices) {
  const body = new FormData();
  if (chosen.sheet) body.append("spreadsheet", chosen.sheet);
  if (chosen.photos.size) body.append("photos", JSON.stringify([...chosen.photos.keys()]));
  for (const name of ["mapping", "conventions", "defaults", "assigned"]) {
    const given = Object.entries(choices[name]).filter(([, value]) => value);
    body.append(name, JSON.stringify(Object.fromEntries(given)));
  }
  if (choices.pattern && !chosen.sheet) body.append("pattern", choices.pattern);
  return (await call("POST", "/api/imports", { body, timeout: TIMEOUT_MS })).body.data;
}

const noPhotos = () => ({
  matched: [],
  ambiguous: [],
  missing: [],
  left_out: [],
  system_files: 0,
  pattern: null,
});

/**
 * The products that can be made: `[{fields, photo, hint, number}]`, `photo` null for an address.
 * `unusable`: photo -> why it can't be used.
 */
export function makable(plan, unusable) {
  const photos = new Map(plan.photos.matched.map((match) => [match.index, match]));
  return plan.rows
    .map((fields, index) => ({ fields, photo: null, hint: null, ...photos.get(index) }))
    .filter((row) => (row.photo ? !unusable.has(row.photo) : row.fields.raw_image));
}

/**
 * The products that would be made: without those `known`, which have products already, and copies of others, unless
 * made `again`, and without those whose SKU and view a product has with another photo, unless these are `further` products.
 */
export function toMake(plan, unusable, { again, sameView }) {
  const isMade = ({ photo }) => again || !(plan.known?.has(photo) || plan.copies?.has(photo));
  const rows = makable(plan, unusable).filter(isMade);
  return sameView === FURTHER ? rows : rows.filter(({ photo }) => !plan.sameView?.has(photo));
}

/** `[{row, same}]` of the photos whose SKU and view a product has with another photo. */
export function withSameView(plan, unusable) {
  const rows = makable(plan, unusable).filter(({ photo }) => plan.sameView?.has(photo));
  return rows.map((row) => ({ row, same: plan.sameView.get(row.photo) }));
}

/** The photos that are made once with another one, because they are its copies. */
export function copiesIn(plan, unusable, { again }) {
  if (again) return [];
  return makable(plan, unusable).filter(({ photo }) => plan.copies?.has(photo) && !plan.known.has(photo));
}

/** `[{row, known}]` of the products that would be skipped. */
export function toSkip(plan, unusable, { again }) {
  if (again || !plan.known) return [];
  const rows = makable(plan, unusable).filter(({ photo }) => plan.known.has(photo));
  return rows.map((row) => ({ row, known: plan.known.get(row.photo) }));
}

/** `[{photo, why}]` of the matched photos that can't be used. */
export const badPhotos = (plan, unusable) =>
  plan.photos.matched
    .filter(({ photo }) => unusable.has(photo))
    .map(({ photo }) => ({ photo, why: unusable.get(photo) }));
