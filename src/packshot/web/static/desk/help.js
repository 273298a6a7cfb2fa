// The help: all shortcuts of the page, and the options that can be turned off.

import { ask } from "./dialog.js";
import { h, key } from "./dom.js";
import { shortcuts } from "./shortcuts.js";
import { Switch } from "./switch.js";

/** The group of the shortcuts that every page has: the last one in the list. */
export const EVERYWHERE = "Everywhere";

export function showHelp() {
  const groups = Map.groupBy(shortcuts.named, (entry) => entry.group);
  const ordered = [...groups].sort(([one], [other]) => (one === EVERYWHERE) - (other === EVERYWHERE));
  ask({
    title: "Keyboard shortcuts",
    wide: true,
    body: [
      h(
        "div",
        { class: "key-groups", tabindex: "0", role: "group", "aria-label": "Shortcuts" },
        ordered.map(([group, entries]) => keysOf(group, entries)),
      ),
      ...Switch.all.map(checkbox),
    ],
    yes: "Close",
    no: null,
  });
}

function keysOf(group, entries) {
  const lines = entries.map((entry) => h("div", {}, h("dt", {}, entry.words), h("dd", {}, shown(entry))));
  return h("section", {}, h("h3", {}, group), h("dl", { class: "keys" }, lines));
}

const shown = (entry) => entry.shown.split(" ").map((text) => (text === "or" ? " or " : key(text)));

function checkbox(option) {
  const onchange = ({ target }) => (option.on = target.checked);
  const input = h("input", { type: "checkbox", checked: option.on, onchange });
  return h("label", { class: "check" }, input, h("span", {}, option.words));
}
