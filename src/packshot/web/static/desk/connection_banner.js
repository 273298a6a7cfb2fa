// Says in a banner that Packshot can't be reached, and that decisions are kept until it can.

import { connection } from "./api.js";
import { $ } from "./dom.js";
import { outbox } from "./outbox.js";
import { many } from "./words.js";

export function watchConnection() {
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
