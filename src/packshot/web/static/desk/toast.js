// Messages at the edge of the page.

import { $, h, icon } from "./dom.js";

const STAY_MS = 6_000;

/**
 * Show a message; with `actions` [[words, run]] or `stay` it stays until the user acts. One that says the
 * same as an earlier one takes its place, unless it is about something else that can be undone.
 */
export function toast(text, { kind = "", actions = [], stay = actions.length > 0, title = null } = {}) {
  const own = typeof text !== "string" || actions.some(([words]) => words === "Undo");
  const said = own ? "" : `${title ?? ""}\n${text}`;
  const close = () => box.remove();
  const box = h(
    "div",
    { class: `toast ${kind}`.trim() },
    h("div", { class: "toast-text" }, title && h("strong", {}, title), h("p", {}, text)),
    h(
      "div",
      { class: "toast-actions" },
      actions.map(([words, run]) =>
        h(
          "button",
          {
            type: "button",
            class: "button small",
            onclick: () => {
              close();
              run();
            },
          },
          words,
        ),
      ),
      h(
        "button",
        { type: "button", class: "icon-button", "aria-label": "Dismiss", onclick: close },
        icon("cross"),
      ),
    ),
  );
  box.dataset.said = said;
  if (said) for (const other of [...$("toasts").children]) if (other.dataset.said === said) other.remove();
  $("toasts").append(box);
  while ($("toasts").children.length > 4) $("toasts").firstElementChild.remove();
  if (!stay) setTimeout(close, STAY_MS);
  return close;
}
