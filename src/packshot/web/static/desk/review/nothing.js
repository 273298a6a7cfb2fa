// The message on the stage when there is nothing to review.

import { h } from "../dom.js";
import { at } from "../place.js";
import { count, many } from "../words.js";

/** `asked` is {queue, state, filters, perMinute, failed}: the products, the counts, and what went wrong. */
export function nothing(asked) {
  if (asked.queue.cursor) return asked.failed ? cantLoad() : loading();
  return nothingYet(asked) ?? onTheWay(asked) ?? elsewhere(asked) ?? allDone(asked);
}

const loading = () => empty("Loading the next products", "You are faster than they load.");

const cantLoad = () =>
  empty("The next products can't be loaded", "They are loaded again automatically. Your decisions are kept.");

function nothingYet({ state }) {
  if (Object.values(state.shop).some(Boolean)) return null;
  const text = "Add photos, and their pictures appear here as they are made.";
  return empty("Nothing here yet", text, ["Upload photos", "/upload"]);
}

function onTheWay({ queue, state }) {
  const making = state.shop.pending ?? 0;
  if (!making) return null;
  return empty(
    queue.done ? "All caught up" : "Nothing to review yet",
    `${many(making, "product")} on the way. They appear here automatically.`,
    ["See what is waiting", "/waiting"],
  );
}

function elsewhere({ queue, state, filters }) {
  const there = state.shop.pending_review ?? 0;
  const narrowed = Object.keys(filters).length > 1;
  if (!narrowed || !there) return null;
  return empty(
    queue.done ? "All caught up here" : "Nothing to review here",
    `${many(there, "product")} to review without these filters.`,
    ["Review them all", "/"],
  );
}

function allDone({ queue, perMinute }) {
  const speed = perMinute ? `, ${count(Math.round(perMinute))} a minute` : "";
  const yours = `You decided ${many(queue.done, "product")}${speed}.`;
  const text = queue.done ? yours : "Every product here has been decided.";
  return empty("All caught up", text, ["Look at the approved ones", "/grid?status=approved"]);
}

function empty(title, text, [words, href] = []) {
  return h(
    "div",
    { class: "empty" },
    h("h2", {}, title),
    h("p", {}, text),
    words && h("p", {}, h("a", { class: "button", href: at(href) }, words)),
  );
}
