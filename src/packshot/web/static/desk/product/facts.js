// A product's facts, as its page lists them.

import { FIELDS } from "../constants.js";
import { h } from "../dom.js";
import { at } from "../place.js";
import { ago, cost, count, money, percent, time } from "../words.js";

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

/** In the query: servers and browsers change a path that has `//`, `..` or an encoded slash. */
const skuLink = (sku) =>
  sku && h("a", { href: at(`/grid?${new URLSearchParams({ status: "all", sku })}`) }, sku);

const ourFacts = (product) => [
  ["Spent", cost(product.spent)],
  product.lane !== "standard" && ["Lane", product.lane],
  product.pixel_lock !== null && ["Pixel lock", product.pixel_lock ? "on" : "off"],
  product.batched_at && ["In a batch job since", ago(product.batched_at)],
  ["Pictures", count(product.images.length)],
  ["Created", time(product.created_at)],
  ["Changed", time(product.updated_at)],
  product.batch_id && ["Batch", batchLink(product)],
  ["Raw image", h("span", { class: "address" }, product.raw_image)],
];

const batchLink = ({ status, batch_id: batch }) =>
  h("a", { href: at(`/grid?status=${status}&batch=${batch}`) }, batch.slice(0, 8));
