// Starts what every page shares.

import { watchConnection } from "./connection_banner.js";
import { $ } from "./dom.js";
import { EVERYWHERE, showHelp } from "./help.js";
import { showCounts } from "./live_counts.js";
import { outbox } from "./outbox.js";
import { Poll } from "./poll.js";
import { shortcuts } from "./shortcuts.js";
import { SigningIn } from "./signing_in.js";
import { watchThemeButton } from "./theme_button.js";
import { toast } from "./toast.js";
import { UnsavedButton } from "./unsaved.js";

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
