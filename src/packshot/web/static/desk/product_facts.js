// A product's facts, the other views of its SKU, and who decided what.

import { changeWords } from "./changes.js";
import { h, icon } from "./dom.js";
import { FIELDS, reasonWords, SMALL } from "./facts.js";
import { image, rawPicture } from "./frames.js";
import { at } from "./place.js";
import { isDuplicate } from "./views.js";
import { ago, cost, count, moment, money, percent, STATUS } from "./words.js";

/** The badge of each status. */
export const KINDS = {
  approved: "good",
  rejected: "bad",
  failed: "bad",
  pending: "accent",
  pending_review: "",
};

/** All views of the product's SKU, in their order; and which of them show the same side. */
export function views(product, siblings) {
  if (siblings.length < 2) return null;
  const same = siblings.filter((other) => isDuplicate(product, other)).map(({ id }) => `#${id}`);
  return h(
    "section",
    { class: "sku-views", "aria-label": "Views" },
    h("h2", {}, `${count(siblings.length)} views of ${product.sku}`),
    same.length > 0 &&
      h("p", { class: "warning" }, icon("warning"), h("span", {}, `Shows the same as ${same.join(", ")}`)),
    h(
      "ul",
      { class: "view-list" },
      siblings.map((other) => viewLink(other, product)),
    ),
  );
}

function viewLink(other, product) {
  const current = other.id === product.id ? "page" : null;
  const picture = other.images[0] ?? rawPicture(other);
  return h(
    "li",
    {},
    h(
      "a",
      { href: at(`/products/${other.id}`), "aria-current": current },
      h("span", { class: "view-picture" }, image(picture, SMALL, "", { loading: "lazy" })),
      h("span", {}, other.view ?? `#${other.id}`),
      h("span", { class: "hint" }, STATUS[other.status]),
    ),
  );
}

const when = (iso) => h("time", { datetime: iso, title: moment(iso) }, ago(iso));

/** The seller's and our facts, with the button that edits the seller's. */
export function facts(product, edit) {
  const lines = [...sellersFacts(product), ...ourFacts(product)].filter((line) => line?.[1]);
  return h(
    "section",
    { "aria-label": "Facts" },
    h("div", { class: "facts-head" }, h("h2", {}, "Facts"), edit),
    h(
      "dl",
      { class: "plain-facts" },
      lines.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
    ),
  );
}

const FORMATS = { text: (value) => value, money, percentage: percent };

function sellersFacts(product) {
  const given = FIELDS.filter(({ name }) => name !== "raw_image");
  const fact = ({ name, label, kind }) => [
    label,
    name === "sku" ? skuLink(product.sku) : FORMATS[kind](product[name]),
  ];
  return [
    ...given.filter(({ kind }) => kind === "text").map(fact),
    ...Object.entries(product.attributes ?? {}),
    ...given.filter(({ kind }) => kind !== "text").map(fact),
  ];
}

const skuLink = (sku) => sku && h("a", { href: at(`/sku/${encodeURIComponent(sku)}`) }, sku);

const ourFacts = (product) => [
  ["Spent", cost(product.spent)],
  product.lane !== "standard" && ["Lane", product.lane],
  product.pixel_lock !== null && ["Pixel lock", product.pixel_lock ? "on" : "off"],
  product.batched_at && ["In a batch job since", ago(product.batched_at)],
  ["Pictures", count(product.images.length)],
  ["Created", when(product.created_at)],
  ["Changed", when(product.updated_at)],
  product.batch_id && ["Batch", batchLink(product)],
  ["Raw image", h("span", { class: "address" }, product.raw_image)],
];

const batchLink = ({ status, batch_id: batch }) =>
  h("a", { href: at(`/grid?status=${status}&batch=${batch}`) }, batch.slice(0, 8));

/** Decisions and corrections, newest first. */
export function history({ decisions, corrections, product }) {
  const lines = [
    ...together(decisions).map((one) => [one.at, decisionLine(one, product)]),
    ...corrections.map((one) => [one.at, correctionLine(one)]),
  ];
  lines.sort(([one], [other]) => Date.parse(other) - Date.parse(one));
  const list = lines.map(([, line]) => line);
  return h(
    "section",
    { "aria-label": "History" },
    h("h2", {}, "History"),
    list.length
      ? h("ol", { class: "history" }, list)
      : h("p", { class: "hint" }, "No decisions or corrections yet."),
  );
}

function historyLine({ who, at }, kind, words, hint) {
  return h(
    "li",
    {},
    h("span", { class: `dot ${kind}` }),
    h(
      "div",
      {},
      h("p", {}, h("strong", {}, who), ` ${words}`),
      hint ? h("p", { class: "hint" }, hint) : null,
      h("time", { class: "hint", datetime: at, title: moment(at) }, ago(at)),
    ),
  );
}

function decisionLine({ pictures, ...decision }, product) {
  const done = decision.status === "pending" ? "reopened" : decision.status;
  const which = `${pictures.length > 1 ? "pictures" : "picture"} ${pictures.join(", ")}`;
  const ofRound = product.round > 1 ? ` of round ${decision.round}` : "";
  const why = [decision.reason && reasonWords(decision.reason), decision.note && `“${decision.note}”`];
  const kind = KINDS[decision.status] === "good" ? "live-still" : KINDS[decision.status];
  return historyLine(decision, kind, `${done} ${which}${ofRound}`, why.filter(Boolean).join(": "));
}

const correctionLine = (correction) =>
  historyLine(correction, "accent", "corrected", changeWords(correction.changes));

/** Pictures that were decided together are one line. */
function together(decisions) {
  const lines = new Map();
  for (const decision of decisions) {
    const { at, who, round, status, reason, note } = decision;
    const same = JSON.stringify([at, who, round, status, reason, note]);
    if (!lines.has(same)) lines.set(same, { ...decision, pictures: [] });
    lines.get(same).pictures.unshift(decision.variant + 1);
  }
  return [...lines.values()];
}
