// Previews an import: products; matched, ambiguous and missing photos; unused files.

import { button, h, icon } from "../dom.js";
import { count, many, money, noun } from "../words.js";
import { changing } from "./corrections.js";
import { copyLine, elsewhereLine, existingLine, repeatedLine, sameViewLine, skippedLine } from "./lines.js";
import { folded, longList } from "./lists.js";
import { NAMES } from "./mapping.js";
import { badPhotos, copiesIn, FURTHER, LEAVE, REPLACE, toMake, toSkip, withSameView } from "./plan.js";

const BAD = { open: true, kind: "bad" };

/** The whole preview of a plan. */
export function preview(plan, chosen, choices, change) {
  const rows = toMake(plan, chosen.unusable, choices);
  const skipped = toSkip(plan, chosen.unusable, choices);
  const same = withSameView(plan, chosen.unusable);
  const copies = copiesIn(plan, chosen.unusable, choices);
  const bad = badPhotos(plan, chosen.unusable);
  const missing = missingOf(plan);
  const errors = errorsOf(plan);
  const leftOut = [...chosen.refused, ...plan.photos.left_out];
  const goodToKnow = notesOf(plan);
  const toAssign = { chosen, choices, change };
  return [
    summary(plan, rows, { errors, leftOut, bad, missing, skipped, same, copies, choices }),
    !rows.length && goodToKnow, // it may say why
    badList(bad),
    folded("Products that exist already", inOrder(plan.existing), existingLine, {
      open: changing(plan.existing).length > 0,
    }),
    folded("Skipped: they have products already", skipped, skippedLine),
    folded("Products with another photo of the same SKU and view", same, sameViewLine, BAD),
    folded(
      "Other products have these photos",
      rows.filter(({ photo }) => plan.elsewhere?.has(photo)),
      (row) => elsewhereLine(row, plan),
      BAD,
    ),
    ...givenTwice(plan, rows, copies),
    folded("To correct or to answer", errors, problemLine, BAD),
    folded("Ambiguous photos", plan.photos.ambiguous, (one) => ambiguousLine(one, toAssign), BAD),
    folded("Assigned by you", Object.entries(choices.assigned), ([photo, row]) =>
      assignedLine(photo, row, choices, change),
    ),
    missingList(missing),
    leftOutList(leftOut, missing, toAssign),
    rows.length > 0 && goodToKnow,
    rows.length > 0 && h("h2", { class: "import-title" }, many(rows.length, "product")),
    ...(rows.length ? longList(rows, (row) => productLine(row, chosen), { class: "import-rows" }) : []),
  ];
}

function givenTwice(plan, rows, copies) {
  const repeated = rows.filter(({ photo }) => plan.repeated?.has(photo));
  return [
    folded("Photos that are given twice", repeated, (row) => repeatedLine(row, plan), BAD),
    folded("Copies of other photos", copies, (row) => copyLine(row, plan)),
  ];
}

/** What the preview named and nothing was made of, as far as `leftBehind` shows it. */
export function leftovers(plan, { refused, unusable }, choices) {
  const same = choices.sameView === LEAVE ? withSameView(plan, unusable) : [];
  return {
    bad: badPhotos(plan, unusable),
    same: same.map(({ row: { photo }, same }) => ({ row: { photo }, same })),
    errors: errorsOf(plan),
    ambiguous: plan.photos.ambiguous,
    missing: missingOf(plan),
    leftOut: [...refused, ...plan.photos.left_out],
  };
}

/** The `leftovers`, shown once more with the result. */
export function leftBehind({ bad, same, errors, ambiguous, missing, leftOut }) {
  const lists = [
    badList(bad),
    folded("Left out: products have another photo", same, sameViewLine, BAD),
    folded("To correct or to answer", errors, problemLine, BAD),
    folded("Ambiguous photos", ambiguous, ({ photo, why }) => line(photo, why), BAD),
    missingList(missing),
    folded("Left out", leftOut, ({ file, why }) => line(file, why)),
  ];
  const again =
    "To make these as well, correct them and upload the same files again: what was made is skipped.";
  return lists.some(Boolean) ? [h("p", { class: "hint" }, again), ...lists] : [];
}

/** "exist already and are skipped". */
export const skipWords = (n) => (n === 1 ? "exists already and is skipped" : "exist already and are skipped");

function notesOf(plan) {
  const notes = plan.problems.filter(({ level, column }) => level === "note" && column !== NAMES);
  return folded("Good to know", notes, problemLine, { open: notes.length <= FEW });
}

const errorsOf = (plan) => plan.problems.filter((problem) => problem.level !== "note");

/** Those that change first. */
const inOrder = (existing) => {
  const first = new Set([...existing.filter((one) => one.refused), ...changing(existing)]);
  return [...first, ...existing.filter((one) => !first.has(one))];
};

/** Rows whose products exist already need no photo. */
function missingOf(plan) {
  const known = new Set(plan.existing.map((one) => one.sku));
  return plan.photos.missing.filter(({ sku }) => !known.has(sku));
}

const missingList = (missing) =>
  folded("Missing photos", missing, missingLine, { ...BAD, open: missing.length <= FEW });

function badList(bad) {
  const list = folded("Photos that can't be used", bad, ({ photo, why }) => line(photo, why), BAD);
  list?.classList.add("import-refused");
  return list;
}

/** What becomes of photos whose SKU and view a product has with another photo. */
const SAME_VIEW = {
  [LEAVE]: "of products with another photo: left out",
  [REPLACE]: "replace the photos of products",
  [FURTHER]: "further products of a SKU and view",
};

function summary(plan, rows, { errors, leftOut, bad, missing, skipped, same, copies, choices }) {
  const existing = new Set(plan.existing.map((one) => one.sku)).size;
  const matched = plan.photos.matched.length - bad.length;
  const system = plan.photos.system_files;
  const facts = [
    [rows.length, skipped.length ? "new" : noun(rows.length, "product")],
    [matched, `${noun(matched, "photo")} matched`],
    [skipped.length, skipWords(skipped.length)],
    [copies.length, noun(copies.length, "copy", "copies")],
    [same.length, SAME_VIEW[choices.sameView]],
    [bad.length, "can't be used"],
    [existing, noun(existing, "SKU exists already", "SKUs exist already")],
    [plan.photos.ambiguous.length, "ambiguous"],
    [missing.length, "missing"],
    [leftOut.length, "left out"],
    [errors.length, "to correct"],
    [system, `${noun(system, "system file")} ignored`],
  ].filter(([n], place) => n || place < 2);
  const items = facts.map(([n, words]) => h("li", {}, h("strong", {}, count(n)), ` ${words}`));
  return h("ul", { class: "import-facts", "aria-label": "What will happen" }, items);
}

const line = (what, why) => h("li", {}, h("strong", {}, what), h("span", {}, why));

function problemLine({ row, column, detail }) {
  const place = [row && `Row ${row}`, column].filter(Boolean).join(", ");
  return line(place || "The file", detail);
}

/** Longer lists of what needs no answer are folded: the products come behind them. */
const FEW = 10;
/** The most options that are drawn for all photos that are left out. */
const MOST_CHOICES = 20_000;
const NO_ROW = "0";

const ambiguousLine = ({ photo, why, skus, rows }, place) =>
  assignLine(
    photo,
    why,
    rows.map((row, index) => ({ row, sku: skus[index] })),
    place,
  );

/** Photos that fit no row may be given to a row that has none. */
function leftOutList(leftOut, missing, place) {
  const hasChoice = missing.length > 0 && missing.length * leftOut.length <= MOST_CHOICES;
  const draw = ({ file, why, fits_no_row: fitsNone }) =>
    hasChoice && fitsNone ? assignLine(file, why, missing, place) : line(file, why);
  return folded("Left out", leftOut, draw, { open: leftOut.length <= FEW });
}

/** A photo with a choice of the rows that it may belong to: `[{row, sku}]`. */
function assignLine(photo, why, rows, { chosen, choices, change }) {
  const select = h(
    "select",
    {
      "aria-label": `${photo} belongs to`,
      onchange: () => {
        choices.assigned[photo] = select.value;
        change();
      },
    },
    h("option", { value: "" }, "Choose"),
    rows.map(({ row, sku }) => h("option", { value: row }, rowWords(row, sku))),
    h("option", { value: NO_ROW }, "None: leave it out"),
  );
  const words = h("span", { class: "photo-name" }, h("strong", {}, photo), h("span", { class: "hint" }, why));
  return h(
    "li",
    { class: "assign" },
    h("span", { class: "photo" }, thumb(chosen.photos.get(photo))),
    words,
    select,
  );
}

const rowWords = (row, sku) => (sku ? `${sku} (row ${row})` : `Row ${row}`);

function assignedLine(photo, row, choices, change) {
  const undo = button("Undo", {
    onclick: () => {
      delete choices.assigned[photo];
      change();
    },
  });
  const words = row === NO_ROW ? "left out" : `row ${row}`;
  return h("li", {}, h("strong", {}, photo), h("span", {}, words), undo);
}

const missingLine = ({ row, wanted, sku }) =>
  line(sku && sku !== wanted ? `Row ${row}, ${sku}` : `Row ${row}`, `no photo was given for ${wanted}`);

function productLine(row, chosen) {
  const { sku, view, name, category, price, filename, raw_image: address } = row.fields;
  const title = [sku ?? name ?? filename ?? "No SKU", view].filter(Boolean).join(" · ");
  const facts = [sku && name, category, price && money(Number(price))].filter(Boolean).join(" · ");
  return h(
    "li",
    { class: "import-row", data: { photo: row.photo ?? "" } },
    h("span", { class: "photo" }, thumb(chosen.photos.get(row.photo))),
    h(
      "span",
      { class: "photo-name" },
      h("span", {}, title),
      h("span", { class: "hint" }, facts),
      h("span", { class: "hint" }, row.photo ?? address),
      h("span", { class: "row-status" }, row.hint ?? ""),
    ),
  );
}

/**
 * Few browsers show HEIC or TIFF, though they are accepted. A photo in a ZIP is not unpacked for a preview.
 */
function thumb(photo) {
  if (!photo?.file) return icon(photo ? "upload" : "link");
  const url = URL.createObjectURL(photo.file);
  const free = () => URL.revokeObjectURL(url);
  return h("img", {
    src: url,
    alt: "",
    loading: "lazy",
    onload: free,
    onerror: (event) => {
      free();
      event.target.replaceWith(icon("upload"));
    },
  });
}
