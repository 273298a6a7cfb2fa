// The live counts at the top of every page: products by status, and what the worker does.

import { $, h } from "./dom.js";
import { endWords, paceWords, toMake } from "./run.js";
import { count, many } from "./words.js";

export function showCounts(state) {
  for (const place of document.querySelectorAll("[data-count]"))
    showCount(place, state.shop[place.dataset.count] ?? 0);
  const parts = pulse(state);
  $("pulse").replaceChildren(...parts);
  const words = parts.map((part) => part.textContent);
  if (toMake(state) > 0 && state.pace) words.push(paceWords(state.pace));
  if (!words.includes(decidedWords(state))) words.push(decidedWords(state));
  $("pulse").title = words.filter(Boolean).join(" · ");
}

/** The products to review, without those decided here that the server does not count yet. */
export const showToReview = (n) => showCount(document.querySelector("[data-count=pending_review]"), n);

function showCount(place, n) {
  place.hidden = n === 0;
  place.textContent = count(n);
}

const decidedWords = ({ reviewed_last_hour: n }) => `${many(n, "product")} decided in the last hour`;

function pulse(state) {
  const parts = [];
  const now = toMake(state);
  if (state.worker)
    parts.push(h("span", { class: "dot bad" }), h("span", { title: state.worker }, "The worker needs help"));
  else if (now > 0) parts.push(h("span", { class: "dot live" }), h("span", {}, `${count(now)} to make`));
  if (now > 0 && state.pace) parts.push(h("span", { class: "rate" }, endWords(state)));
  if (state.batched) parts.push(h("span", { class: "rate" }, `${count(state.batched)} in batch jobs`));
  if (!parts.length && state.reviewed_last_hour)
    parts.push(h("span", { class: "rate" }, decidedWords(state)));
  return parts;
}
