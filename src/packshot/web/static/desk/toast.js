// Messages at the edge of the page.

import { $, h, icon } from "./dom.js";

const STAY_MS = 6_000;

/** Show a message; with `actions` [[words, run]] or `stay` it stays until the user acts. */
export function toast(text, { kind = "", actions = [], stay = actions.length > 0, title = null } = {}) {
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
  $("toasts").append(box);
  while ($("toasts").children.length > 4) $("toasts").firstElementChild.remove();
  if (!stay) setTimeout(close, STAY_MS);
  return close;
}
