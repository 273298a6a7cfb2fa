// Shows long lists in parts.

import { h } from "../dom.js";
import { count } from "../words.js";

const FIRST = 50;
const MORE = 500;

/** A list of `items`, drawn by `draw`; a button shows more, so that long lists stay fast. */
export function longList(items, draw, props = {}) {
  const list = h("ul", props, items.slice(0, FIRST).map(draw));
  if (items.length <= FIRST) return [list];
  const more = h("button", { type: "button", class: "button small", onclick: () => showMore() });
  const say = () => (more.textContent = `Show more: ${count(items.length - list.children.length)} left`);
  function showMore() {
    list.append(...items.slice(list.children.length, list.children.length + MORE).map(draw));
    if (list.children.length === items.length) more.remove();
    else say();
  }
  say();
  return [list, more];
}

/** A section that can be opened, with how many there are; nothing where there are none. */
export function folded(words, items, draw, { open = false, kind = "" } = {}) {
  if (!items.length) return null;
  const summary = h(
    "summary",
    {},
    h("span", {}, words),
    h("span", { class: `badge ${kind}` }, count(items.length)),
  );
  return h("details", { class: "import-list", open }, summary, longList(items, draw));
}
