// Builds elements without markup in strings, so that Trusted Types can stay on.

const SVG = "http://www.w3.org/2000/svg";
const PROPERTIES = new Set(["hidden", "disabled", "checked", "value", "indeterminate", "tabIndex"]);

/** An element: `on*` are listeners, `data` a dataset, the rest attributes (false and null: left out). */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) set(element, name, value);
  element.append(
    ...children.flat().filter((child) => child !== null && child !== undefined && child !== false),
  );
  return element;
}

function set(element, name, value) {
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name === "data") Object.assign(element.dataset, value);
  else if (PROPERTIES.has(name)) element[name] = value;
  else if (value === true) element.setAttribute(name, "");
  else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
}

/** One of the icons of icons.svg. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** A paragraph that warns. */
export const warning = (...words) => h("p", { class: "warning" }, icon("warning"), h("span", {}, ...words));

/** A key as printed on a button. */
export const key = (text) => h("kbd", { "aria-hidden": "true" }, text);

/** A button with an icon, words and its key. */
export function button(text, { icon: picture, key: shortcut, kind = "", ...props }) {
  return h(
    "button",
    { type: "button", class: `button ${kind}`.trim(), "aria-keyshortcuts": ariaKeys(shortcut), ...props },
    picture && icon(picture),
    h("span", {}, text),
    shortcut && key(shortcut),
  );
}

/** In the form of `aria-keyshortcuts`: alternatives separated by spaces, modifiers in full. */
const ARIA = [
  ["⇧", "Shift+"],
  ["Ctrl+", "Control+"],
  [/^Esc$/, "Escape"],
];
const ariaKeys = (shortcut) =>
  shortcut ? ARIA.reduce((text, [from, to]) => text.replace(from, to), shortcut) : null;

export const $ = (id) => document.getElementById(id);

/** The data that the server put into the page. */
export const pageData = () => JSON.parse($("data").textContent);

/** Announce something to screen readers. */
export function announce(text) {
  $("live").textContent = text;
}

/** Run something after the changes are painted. */
export function afterPaint(run) {
  requestAnimationFrame(() => setTimeout(run));
}

/** Remove the focus from a clicked button, so that Space compares again. */
function letGo(event) {
  if (event.detail > 0 && event.currentTarget instanceof HTMLElement) event.currentTarget.blur();
}

/** A listener that runs something and then removes the focus from the button. */
export const press = (run) => (event) => {
  run(event);
  letGo(event);
};
