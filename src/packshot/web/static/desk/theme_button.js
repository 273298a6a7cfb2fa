// The button that changes between light and dark. theme.js applies the choice before the first paint.

import { $ } from "./dom.js";
import { remember } from "./memory.js";

export function watchThemeButton() {
  $("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    remember("theme", root.dataset.theme);
  });
}
