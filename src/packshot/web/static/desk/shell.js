// The shared part of every page: live counts, the connection, the theme, help, signing in and out.

import { Away, actAs, call, connection, isExpected, session } from "./api.js";
import { ask } from "./dialog.js";
import { $, announce, h, key } from "./dom.js";
import { known, listen, pressedTooEarly, switches } from "./keys.js";
import { remember } from "./memory.js";
import { outbox } from "./outbox.js";
import { at, go } from "./place.js";
import { Poll } from "./poll.js";
import { endWords, paceWords } from "./run.js";
import { toast } from "./toast.js";
import { count, many, sentence } from "./words.js";

const BUSY_MS = 2_000;
const IDLE_MS = 3_000;
const EVERYWHERE = "Everywhere";
/**
 * Who the page belongs to, how many decisions were announced as stuck, and whether the sign-in dialog is
 * open.
 */
const shell = { reviewer: "", stuck: 0, asking: false };

/** Start the shell. `changed(state)` gets every new state; the first is in the page already. */
export function start(data, changed = () => {}) {
  let state = data.state;
  shell.reviewer = data.caller;
  actAs(shell.reviewer);
  show(state);
  setTimeout(sayTooEarly); // the page adds its shortcuts first
  outbox.restore(data.caller);
  const asking = new Poll(
    () => `/desk/state?${new URLSearchParams(data.filters)}`,
    (fresh) => {
      state = fresh;
      show(state);
      return changed(state);
    },
    () => (state.shop.pending ? BUSY_MS : IDLE_MS),
  );
  return asking;
}

function sayTooEarly() {
  const key = pressedTooEarly();
  if (!key) return;
  getSelection().removeAllRanges(); // Ctrl+A chose all text
  toast(`The page was still loading when you pressed ${key}, so nothing was done. Press it again.`);
}

function show(state) {
  for (const place of document.querySelectorAll("[data-count]")) {
    const n = state.shop[place.dataset.count] ?? 0;
    place.hidden = n === 0;
    place.textContent = count(n);
  }
  const parts = pulse(state);
  $("pulse").replaceChildren(...parts);
  const words = parts.map((part) => part.textContent).filter(Boolean);
  $("pulse").title = [...words, `${many(state.reviewed_last_hour, "product")} decided in the last hour`].join(
    " · ",
  );
}

function pulse(state) {
  const parts = [];
  if (state.worker)
    parts.push(h("span", { class: "dot bad" }), h("span", { title: state.worker }, "The worker needs help"));
  else if (state.shop.pending)
    parts.push(h("span", { class: "dot live" }), h("span", {}, `${count(state.shop.pending)} to make`));
  if (state.shop.pending && state.pace)
    parts.push(h("span", { class: "rate" }, `${paceWords(state.pace)}, ${endWords(state)}`));
  if (state.reviewed_last_hour)
    parts.push(h("span", { class: "rate" }, `${count(state.reviewed_last_hour)} decided/h`));
  return parts;
}

// -- unsaved decisions, and the connection ------------------------------------------------------------

function showSaving() {
  const { size, stuck } = outbox;
  $("saving").hidden = size === 0;
  $("saving").toggleAttribute("data-stuck", stuck > 0);
  $("saving").textContent = stuck ? `${count(stuck)} not saved` : `Saving ${count(size)}`;
  if (stuck > shell.stuck) announce(`${many(stuck, "decision")} can't be saved yet`);
  shell.stuck = stuck;
  showBanner();
}

/** Show the unsaved decisions, and why they are not saved. */
async function showUnsaved() {
  const again = await ask({
    title: `${many(outbox.size, "decision")} not saved yet`,
    body: [
      h("p", { class: "hint" }, "They are kept in this tab and sent again automatically. You can continue."),
      h("ul", { class: "unsaved", tabindex: "0", "aria-label": "Not saved yet" }, outbox.jobs.map(unsaved)),
    ],
    yes: "Try now",
    no: "Close",
  });
  if (again) outbox.tryNow();
}

function unsaved(job) {
  return h(
    "li",
    {},
    h("a", { href: at(`/products/${job.product}`), target: "_blank" }, `Product ${job.product}`),
    h("span", {}, job.words),
    job.lastError && h("p", {}, sentence(job.lastError), ` Tried ${many(job.failures, "time")}.`),
  );
}

$("saving").addEventListener("click", showUnsaved);

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

outbox.addEventListener("change", showSaving);
connection.addEventListener("change", showBanner);
if (!connection.online) showBanner();

// -- signing in again, without losing anything --------------------------------------------------------

session.addEventListener("ended", async () => {
  if (shell.asking) return;
  shell.asking = true;
  await signInAgain();
  shell.asking = false;
});

async function signInAgain(
  message = "Your session is over. Nothing is lost: what you decided is kept and saved as soon as you are back.",
) {
  const given = await ask({
    title: "Sign in again",
    body: [
      h("p", {}, message),
      h(
        "label",
        { class: "field" },
        h("span", {}, "Your key"),
        h("input", { name: "key", type: "password", autocomplete: "current-password", required: true }),
      ),
    ],
    yes: "Sign in",
    no: null,
    answer: (form) => form.elements.key.value.trim(),
  });
  if (given === null) return signInAgain();
  try {
    const { name } = (await call("POST", "/session", { body: { key: given } })).body.data;
    if (name === shell.reviewer) session.dispatchEvent(new Event("started"));
    else takeOver();
  } catch (error) {
    return signInAgain(
      error instanceof Away ? "Packshot can't be reached. Try again." : "This key is not known. Try again.",
    );
  }
}

/**
 * Hand the page over to another reviewer. Unsaved decisions wait until the previous one returns to this
 * tab.
 */
function takeOver() {
  outbox.leave();
  location.reload();
}

async function signOut() {
  if (
    outbox.size &&
    !(await ask({
      title: `Sign out with ${many(outbox.size, "unsaved decision")}?`,
      body: [h("p", {}, `They are kept in this tab, and saved when ${shell.reviewer} signs in here again.`)],
      yes: "Sign out",
    }))
  )
    return;
  try {
    await call("DELETE", "/session");
    outbox.leave();
    go("/sign-in");
  } catch (error) {
    if (!isExpected(error)) throw error;
    toast(`You are still signed in: ${error.message}. Try again.`, { kind: "bad" });
  }
}

$("sign-out")?.addEventListener("click", signOut);

// -- theme and help -----------------------------------------------------------------------------------

$("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  remember("theme", root.dataset.theme);
});

function help() {
  const named = known
    .filter((entry) => entry.words)
    .sort((a, b) => (a.group === EVERYWHERE) - (b.group === EVERYWHERE));
  const lists = [...Map.groupBy(named, (entry) => entry.group)].map(([group, entries]) =>
    h(
      "section",
      {},
      h("h3", {}, group),
      h(
        "dl",
        { class: "keys" },
        entries.map((entry) => h("div", {}, h("dt", {}, entry.words), h("dd", {}, shown(entry)))),
      ),
    ),
  );
  ask({
    title: "Keyboard shortcuts",
    wide: true,
    body: [
      h("div", { class: "key-groups", tabindex: "0", role: "group", "aria-label": "Shortcuts" }, lists),
      ...switches.map((one) =>
        h(
          "label",
          { class: "check" },
          h("input", {
            type: "checkbox",
            checked: one.on,
            onchange: (event) => (one.on = event.target.checked),
          }),
          h("span", {}, one.words),
        ),
      ),
    ],
    yes: "Close",
    no: null,
  });
}

function shown(entry) {
  return entry.shown.split(" ").map((text) => (text === "or" ? " or " : key(text)));
}

$("help").addEventListener("click", help);
listen(EVERYWHERE, [
  { keys: ["?"], shown: "?", words: "This list", run: help },
  { keys: ["/"], shown: "/", words: "Find by SKU, name or number", run: () => $("search").focus() },
]);
$("search").addEventListener("keydown", ({ key, currentTarget }) => key === "Escape" && currentTarget.blur());
