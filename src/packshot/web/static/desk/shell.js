// Starts what every page shares.

import { connection } from "./api.js";
import { $ } from "./dom.js";
import { EVERYWHERE, showHelp } from "./help.js";
import { showCounts } from "./live_counts.js";
import { remember } from "./memory.js";
import { outbox } from "./outbox.js";
import { Poll } from "./poll.js";
import { shortcuts } from "./shortcuts.js";
import { SigningIn } from "./signing_in.js";
import { toast } from "./toast.js";
import { UnsavedButton } from "./unsaved.js";
import { many } from "./words.js";

const BUSY_MS = 2_000;
const IDLE_MS = 3_000;

/** Start the shared part. `changed(state)` gets every new state; the first is in the page already. */
export function start(data, changed = () => {}) {
  new SigningIn(data.caller);
  new UnsavedButton();
  watchConnection();
  watchThemeButton();
  watchHelpAndSearch();
  showCounts(data.state);
  setTimeout(sayTooEarly); // the page adds its shortcuts first
  outbox.restore(data.caller);
  return pollState(data, changed);
}

function pollState({ state, filters }, changed) {
  let { pending } = state.shop;
  return new Poll(
    () => `/desk/state?${new URLSearchParams(filters)}`,
    (fresh) => {
      pending = fresh.shop.pending;
      showCounts(fresh);
      return changed(fresh);
    },
    () => (pending ? BUSY_MS : IDLE_MS),
  );
}

function sayTooEarly() {
  const key = shortcuts.pressedTooEarly();
  if (!key) return;
  getSelection().removeAllRanges(); // Ctrl+A chose all text
  toast(`The page was still loading when you pressed ${key}, so nothing was done. Press it again.`);
}

function watchHelpAndSearch() {
  const search = $("search");
  $("help").addEventListener("click", showHelp);
  search.addEventListener("keydown", ({ key }) => key === "Escape" && search.blur());
  shortcuts.add(EVERYWHERE, [
    { keys: ["?"], shown: "?", words: "This list", run: showHelp },
    { keys: ["/"], shown: "/", words: "Find by SKU, name, EAN or number", run: () => search.focus() },
  ]);
}

/** Change between light and dark; theme.js applies the choice before the next page's first paint. */
function watchThemeButton() {
  $("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    remember("theme", root.dataset.theme);
  });
}

/** Say in a banner that Packshot can't be reached, and that decisions are kept until it can. */
function watchConnection() {
  outbox.addEventListener("change", showBanner);
  connection.addEventListener("change", showBanner);
  showBanner();
}

function showBanner() {
  const banner = $("banner");
  banner.hidden = connection.online;
  if (connection.online) return;
  const kept = outbox.size
    ? `${many(outbox.size, "decision")} kept here; saved when it is back.`
    : "You can go on; what you decide is kept here.";
  const what = navigator.onLine ? "Packshot does not answer." : "You are offline.";
  const text = `${what} ${kept}`;
  if (banner.textContent !== text) banner.textContent = text;
}
