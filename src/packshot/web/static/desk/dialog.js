// Questions in a <dialog>, which keeps the focus and closes with Escape.

import { button, h } from "./dom.js";

const hasTextField = (element) =>
  element.querySelector("input:not([type=checkbox]), select, textarea") !== null;

/** The buttons below the questions in `body`. */
function actions(body, { yes, no = "Cancel", kind = "primary" }) {
  const autofocus = !body.some((part) => part && hasTextField(part));
  const close = ({ currentTarget }) => currentTarget.closest("dialog").close();
  return h(
    "div",
    { class: "dialog-actions" },
    no && button(no, { onclick: close }),
    yes && h("button", { type: "submit", class: `button ${kind}`, autofocus }, yes),
  );
}

function submitOnEnter(event) {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || !event.target.matches("textarea"))
    return;
  event.preventDefault();
  event.currentTarget.requestSubmit();
}

/**
 * Ask something; resolves with what `answer(form)` gives, or null when it was closed. What is false or null in
 * `body` is left out. `yes` and `no` are the words on the buttons, and `kind` the look of `yes`.
 */
export function ask({ title, body = [], answer = () => true, wide = false, ...buttons }) {
  const form = h("form", { method: "dialog" }, h("h2", {}, title), ...body, actions(body, buttons));
  const dialog = h("dialog", { class: wide ? "wide-dialog" : null, "aria-label": title }, form);
  form.addEventListener("keydown", submitOnEnter);
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    let result = null;
    form.addEventListener("submit", () => (result = answer(form)));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(result);
    });
  });
}
