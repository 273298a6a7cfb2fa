// Formats statuses, names, times and amounts.

import { h } from "./dom.js";

export const STATUS = {
  pending: "Waiting",
  pending_review: "To review",
  approved: "Approved",
  rejected: "Rejected",
  failed: "Failed",
};

/** The colour of each status's badge, as a class. */
export const KINDS = {
  approved: "good",
  rejected: "bad",
  failed: "bad",
  pending: "accent",
  pending_review: "",
};

export const PICTURE_STATUS = { pending: "Undecided", approved: "Approved", rejected: "Rejected" };

/** A program's message with one full stop at its end. */
export const ended = (text) => text + (/[.!?]$/.test(text) ? "" : ".");

/** A program's message as a sentence. */
export const sentence = (text) => text[0].toUpperCase() + ended(text.slice(1));

const number = new Intl.NumberFormat("en");
const decimal = new Intl.NumberFormat("en", { minimumFractionDigits: 0, maximumFractionDigits: 2 });
const CURRENCY = document.body.dataset.currency;
const TWO_DECIMALS = { minimumFractionDigits: 2, maximumFractionDigits: 2 };
/** As exact as the prices are, also in a currency that has no coins. */
const IN_CURRENCY = {
  style: "currency",
  currency: CURRENCY,
  ...TWO_DECIMALS,
};
const bare = new Intl.NumberFormat("en", { ...TWO_DECIMALS, trailingZeroDisplay: "stripIfInteger" });
const withCoins = new Intl.NumberFormat("en", CURRENCY ? IN_CURRENCY : TWO_DECIMALS);
const amount =
  CURRENCY && !ownDigits(CURRENCY)
    ? new Intl.NumberFormat("en", { ...IN_CURRENCY, trailingZeroDisplay: "stripIfInteger" })
    : withCoins;
const dollars = new Intl.NumberFormat("en", { style: "currency", currency: "USD", maximumFractionDigits: 3 });
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

function ownDigits(currency) {
  return new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits;
}

export const count = (value) => number.format(value);
/**
 * A price, in the shop's currency where CURRENCY says which. It has two decimals, because 1,249 alone is 1.249 to
 * many, unless the currency has no coins.
 */
export const money = (value) => (value === null ? "" : amount.format(value));
/** A price without its currency, as exact: 89.50, 90. */
export const plainMoney = (value) => bare.format(value);
/** The label of a field where its value is typed in, with the unit: "Price (INR)", "GST %". */
export const labelWithUnit = ({ label, kind }) =>
  kind === "percentage" ? `${label} %` : kind === "money" && CURRENCY ? `${label} (${CURRENCY})` : label;
export const percent = (value) => (value === null ? "" : `${decimal.format(value)}%`);
const SIMULATED = "simulated" in document.body.dataset;
export const cost = (value) =>
  value ? dollars.format(value) + (SIMULATED ? " (simulated)" : "") : "no cost";
export const noun = (n, one, more = `${one}s`) => (n === 1 ? one : more);
export const many = (n, one, more) => `${count(n)} ${noun(n, one, more)}`;

/** A product's name: its SKU and view, otherwise its number. */
export const nameOf = (id, product) =>
  product?.sku ? [product.sku, product.view].filter(Boolean).join(" · ") : `#${id}`;

/** A picture's number: its place in the round, which others keep where one could not be made. */
export const numberOf = ({ variant }) => variant + 1;

/** What the text of a picture's making is called: a model had a prompt. */
export const promptWords = ({ enhancer }) => (enhancer === "local" ? "How it was made" : "Prompt");

/** What its enhancer calls a picture, otherwise its number. */
export const pictureTitle = (picture) => picture.title || `Picture ${numberOf(picture)}`;

/** A product's name as the title of a message. */
export const titleOf = (id, product) => (product?.sku ? nameOf(id, product) : `Product ${id}`);

const UNITS = [
  [86_400, "day"],
  [3_600, "hour"],
  [60, "minute"],
];

/** "5 minutes ago". */
export function ago(iso, now = Date.now()) {
  const seconds = (Date.parse(iso) - now) / 1000;
  for (const [size, unit] of UNITS) {
    if (Math.abs(seconds) >= size) return relative.format(Math.round(seconds / size), unit);
  }
  return "just now";
}

/** How long ago it was, or other `words`; under the pointer the exact time. */
export const time = (iso, { words = ago(iso), ...props } = {}) =>
  h("time", { datetime: iso, title: exact.format(new Date(iso)), ...props }, words);

/** "about 4 min". */
export function duration(seconds) {
  if (seconds < 60) return "less than a minute";
  if (seconds < 5_400) return `about ${Math.round(seconds / 60)} min`;
  return `about ${decimal.format(Math.round(seconds / 360) / 10)} h`;
}

export function bytes(size) {
  return size >= 1e6 ? `${(size / 1e6).toFixed(1)} MB` : `${Math.max(1, Math.round(size / 1000))} kB`;
}

/** The status of a product in a word; a cancelled one is kept with the failed ones. */
export const statusOf = (product) => (isCancelled(product) ? "Cancelled" : STATUS[product.status]);
export const isCancelled = (product) => product.error_code === "cancelled" && product.status === "failed";

/** "3 pictures" of a product, by their status. */
export function verdict(product) {
  const approved = product.images.filter((image) => image.status === "approved").length;
  if (product.status !== "approved" || approved === product.images.length) return statusOf(product);
  return `Approved ${approved} of ${product.images.length}`;
}

/** What a pending product without pictures waits for. */
export function waiting(product) {
  if (product.batched_at) return "In a batch job at Gemini, or waiting for one";
  return product.attempts ? "Being worked on" : "In the queue";
}

/** Why the last try of a pending product failed; null where none did. */
export const lastTry = ({ error }) => (error ? `Last try: ${sentence(error)}` : null);

/** A check found something on a picture while its approval was on the way. */
export const foundWords = ({ found }, { words }) =>
  `A check found something while you decided: ${[...new Set(found)].join("; ")}. Your “${words}” was not saved.`;
