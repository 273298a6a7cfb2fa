// Questions in a <dialog>, which keeps the focus and closes with Escape.

import { button, h } from "./dom.js";

const hasTextField = (element) =>
  element.querySelector("input:not([type=checkbox]), select, textarea") !== null;

/**
 * Ask something; resolves with what `answer(form)` gives, or null when it was closed. What is false or null in
 * `body` is left out.
 */
export function ask({
  title,
  body = [],
  yes,
  no = "Cancel",
  kind = "primary",
  answer = () => true,
  wide = false,
}) {
  return new Promise((resolve) => {
    let result = null;
    const form = h(
      "form",
      { method: "dialog" },
      h("h2", {}, title),
      ...body,
      h(
        "div",
        { class: "dialog-actions" },
        no && button(no, { onclick: () => dialog.close() }),
        yes &&
          h(
            "button",
            {
              type: "submit",
              class: `button ${kind}`,
              autofocus: !body.some((part) => part && hasTextField(part)),
            },
            yes,
          ),
      ),
    );
    const dialog = h("dialog", { class: wide ? "wide-dialog" : null, "aria-label": title }, form);
    form.addEventListener("submit", () => (result = answer(form)));
    form.addEventListener("keydown", (event) => {
      if (
        event.key === "Enter" &&
        event.target.matches("textarea") &&
        !event.shiftKey &&
        !event.isComposing
      ) {
        event.preventDefault();
        form.requestSubmit();
      }
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(result);
    });
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    document.body.append(dialog);
    dialog.showModal();
  });
}
