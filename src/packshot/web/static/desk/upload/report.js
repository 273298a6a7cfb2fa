// What was not created when everything was sent: what was updated, refused and skipped.

import { h } from "../dom.js";
import { count, many } from "../words.js";
import { changing } from "./corrections.js";
import { existingLine, replacedLine, skippedLine } from "./lines.js";
import { folded } from "./lists.js";
import { skipWords } from "./preview.js";

/** The lists, null for those without a line; `created` is how many products were created. */
export function report({ updated, refused, skipped, replaced, created }) {
  const unchanged = updated.filter((one) => one.refused);
  return [
    folded("Updated", changing(updated), existingLine, { open: true, kind: "good" }),
    folded("Photos replaced: their pictures are being made again", replaced, replacedLine, {
      open: true,
      kind: "good",
    }),
    folded("Not updated", unchanged, existingLine, { open: true, kind: "bad" }),
    folded("Refused", refused, refusedLine, { open: true, kind: "bad" }),
    folded("Skipped: they have products already", skipped, skippedLine, { open: !created }),
  ];
}

/** What the lists show of rows, which may be long: the browser keeps it for a reload. */
export const shownOf = ({ skipped, refused, replaced }) => ({
  skipped: skipped.map(({ row, known }) => ({ row: shownRow(row, known.differs), known })),
  refused: refused.map(({ row, why }) => ({ row: shownRow(row), why })),
  replaced: replaced.map(({ id, sku, view }) => ({ id, sku, view })),
});

const shownRow = ({ photo, fields }, differs = {}) => ({
  photo,
  fields: Object.fromEntries(["raw_image", ...Object.keys(differs)].map((name) => [name, fields[name]])),
});

const refusedLine = ({ row, why }) =>
  h("li", {}, h("strong", {}, row.photo ?? row.fields.raw_image), h("span", {}, why));

export function createdWords(created, skipped) {
  const skips = skipped ? `, ${count(skipped)} ${skipWords(skipped)}` : "";
  return `${many(created, "product")} created${skips}.${created ? " Their pictures are being made." : ""}`;
}
