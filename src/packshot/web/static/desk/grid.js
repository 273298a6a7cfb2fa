// The grid: choose many products and decide on them together.

import { products as list } from "./api.js";
import { $, announce, button, h, pageData, press } from "./dom.js";
import { doubtful, keepable } from "./doubt.js";
import { DownloadButton } from "./download/button.js";
import { Filters } from "./filters.js";
import { confirmed, isSure, leftWords } from "./grid/bulk.js";
import { Tiles } from "./grid/tiles.js";
import { GridUndo } from "./grid/undo.js";
import { outbox, pageAndSaved, redoSteps, reviewStep } from "./outbox.js";
import { OwnDecisions } from "./own_decisions.js";
import { Pages } from "./pages.js";
import { go } from "./place.js";
import { askWishes } from "./questions.js";
import { mayReview } from "./rights.js";
import { start } from "./shell.js";
import { shortcuts } from "./shortcuts.js";
import { toast } from "./toast.js";
import { count, ended, foundWords, many, STATUS, titleOf, verdict } from "./words.js";

const REFRESHED = 200;
/** The most products that are chosen at once; each is sent as a decision of its own. */
const MOST = 500;

const data = pageData();
const filters = new Filters($("filters"), data, [
  "all",
  "pending_review",
  "approved",
  "rejected",
  "pending",
  "failed",
]);
const decidable = mayReview() && ["pending_review", "approved", "rejected"].includes(data.filters.status);
const pages = new Pages($("more"), data, (products) => tiles.add(products));
const tiles = new Tiles(data.filters, decidable, showChosen);
const undoing = new GridUndo(tiles, new OwnDecisions(data.caller).among(data.last_decisions), showUndo);
const downloadButton = new DownloadButton(data, () => tiles.chosen);
document.querySelector(".heading").append(downloadButton.element);

// -- deciding -----------------------------------------------------------------------------------------

async function decideChosen(status) {
  const asked = tiles.chosen;
  if (!asked.length) return;
  const lost = status === "approved" ? tiles.reloadLost(asked) : [];
  const there = asked.filter((product) => !lost.includes(product));
  const products = status === "approved" ? there.filter(isSure) : there;
  const left = there.filter((product) => !products.includes(product));
  const leftOut = leftWords(left, lost);
  if (!products.length)
    return toast(`${leftOut} Nothing was approved.`, {
      actions: [
        ["Review", lookOneByOne],
        ["Make again…", redoChosen],
      ],
    });
  const answer = await confirmed(status, products, leftOut);
  if (!answer) return;
  const batch = products.map((product) => send(product, status, answer.reason));
  undoing.remember(batch);
  tiles.chooseNone();
  const doing = status === "approved" ? "Approving" : "Rejecting";
  const warned = left.some((product) => doubtful(product).length);
  toast(`${doing} ${many(products.length, "product")}. ${leftOut}`.trim(), {
    actions: [
      ["Undo", () => undoing.undoBatch(batch)],
      warned && ["Review the others", lookAtDoubtful],
    ].filter(Boolean),
    stay: warned,
  });
}

/** Reject the chosen products and make them again, all with the same wishes. */
async function redoChosen() {
  const products = tiles.chosen;
  const wishes = products.length ? await askWishes(products) : null;
  if (!wishes) return;
  for (const product of products) save(product, "Being made again", redoSteps(product, wishes));
  undoing.remember(products.map((product) => ({ product, step: null })));
  tiles.chooseNone();
  const come = products.length === 1 ? "It comes" : "They come";
  toast(`Making ${many(products.length, "product")} again. ${come} back to review.`, { stay: false });
}

const lookAtDoubtful = () => go(`/?${new URLSearchParams({ ...data.filters, doubt: "yes" })}`);
const lookOneByOne = () => go(`/?${new URLSearchParams(data.filters)}`);

/** Decide on a product as it was shown; returns what undo needs. */
function send(product, status, reason) {
  const step = reviewStep(product, status, { kept: keepable(product), reason });
  save(product, STATUS[status], [step]);
  return { product, step };
}

function save(product, words, steps) {
  tiles.get(product.id)?.decided(words);
  const { id, version } = product;
  outbox.add({ product: id, name: titleOf(id, product), version, words, steps });
}

outbox.addEventListener("saved", ({ detail: { product } }) => {
  if (outbox.has(product.id) || !tiles.draw(product)) return;
  tiles.get(product.id).decided(product.status === data.filters.status ? null : verdict(product));
});

outbox.addEventListener("refused", ({ detail: { job, problem } }) => {
  if (problem.product) tiles.draw(problem.product);
  tiles.get(job.product)?.decided(null);
  toast(refusedWords(job, problem), {
    title: titleOf(job.product, problem.product ?? tiles.get(job.product)?.product),
    kind: "bad",
    stay: true,
  });
});

function refusedWords(job, problem) {
  if (problem.found?.length) return foundWords(problem, job);
  if (job.done) return `It is rejected, but not being made again: ${ended(problem.message)}`;
  if (problem.status !== 412) return problem.message;
  return `Somebody was faster: it is ${STATUS[problem.product.status].toLowerCase()} now. Yours was not saved.`;
}

// -- live ---------------------------------------------------------------------------------------------

async function stateChanged(state) {
  data.state = state;
  filters.show(state);
  downloadButton.show(state);
  const { page, saved } = await pageAndSaved(() => list({ ...data.query, limit: REFRESHED }));
  tiles.follow(page, saved);
}

// -- the bar and its keys -----------------------------------------------------------------------------

const act = (run) => press(() => run());

function chooseAll() {
  if (!mayReview()) return toast("You may look at these products, but not decide on them.");
  if (!decidable)
    return toast("These are in several states: choose To review, Approved or Rejected, then all of them.");
  tiles.chooseAll();
  if (!tiles.chosen.length) toast("There is no product here to choose.");
}

/** Load what the list has besides, and choose it, too. */
async function chooseListed() {
  listedButton.disabled = true;
  await pages.loadUntil(() => tiles.size >= MOST);
  listedButton.disabled = false;
  tiles.chooseAll(Math.max(MOST, tiles.chosen.length));
}

const chooseNone = () => tiles.chooseNone();
const undo = () => undoing.undo();
const chosenWords = h("p", { class: "chosen" }, "None chosen");
const approveButton = button("Approve", {
  icon: "check",
  key: "A",
  kind: "approve",
  disabled: true,
  onclick: act(() => decideChosen("approved")),
});
const rejectButton = button("Reject", {
  icon: "cross",
  key: "R",
  kind: "reject",
  disabled: true,
  onclick: act(() => decideChosen("rejected")),
});
const redoButton = button("Make again…", {
  icon: "redo",
  key: "⇧R",
  disabled: true,
  onclick: act(redoChosen),
});
const noneButton = button("None", { key: "Esc", kind: "small", disabled: true, onclick: act(chooseNone) });
const listedButton = button("", { kind: "small", hidden: true, onclick: act(chooseListed) });
const undoButton = button("Undo", { icon: "undo", key: "U", kind: "small", onclick: act(undo) });

function showChosen() {
  const n = tiles.chosen.length;
  for (const element of [approveButton, rejectButton, redoButton, noneButton]) element.disabled = n === 0;
  downloadButton.show();
  showListed(n);
  announce(chosenWords.textContent);
}

/** How many of the list are chosen; when all that are shown are, offer the rest. */
function showListed(n) {
  const { reason, status } = data.filters;
  const total = (reason ? data.state.reasons[reason] : data.state.statuses[status]) ?? 0;
  const more = pages.cursor !== null && total > n;
  const chosen = more ? `${count(n)} of ${count(total)} chosen` : `${count(n)} chosen`;
  chosenWords.textContent = n ? chosen : "None chosen";
  listedButton.hidden = !more || n < tiles.size || n >= MOST;
  listedButton.querySelector("span").textContent =
    total > MOST ? `Choose the first ${count(MOST)}` : `Choose all ${count(total)}`;
}

function showUndo() {
  const { words } = undoing;
  undoButton.disabled = !words;
  undoButton.title = words ? `Undo: ${words}` : "";
}

if (decidable)
  $("selection").append(
    chosenWords,
    button("All", { key: "Ctrl+A", kind: "small", onclick: act(chooseAll) }),
    listedButton,
    noneButton,
    undoButton,
    h("span", { class: "gap" }),
    redoButton,
    rejectButton,
    approveButton,
  );
else for (const element of [$("selection"), document.querySelector(".heading .hint")]) element.hidden = true;

shortcuts.add("Choose", [
  { keys: ["ctrl+a"], shown: "Ctrl+A", words: "Choose all that are shown", run: chooseAll },
  { keys: ["Escape"], shown: "Esc", words: "Choose none", run: chooseNone },
]);
shortcuts.add("Decide", [
  { keys: ["a"], shown: "A", words: "Approve the chosen ones", run: () => decideChosen("approved") },
  { keys: ["r"], shown: "R", words: "Reject the chosen ones", run: () => decideChosen("rejected") },
  { keys: ["shift+r"], shown: "⇧R", words: "Make the chosen ones again", run: redoChosen },
  { keys: ["u", "ctrl+z"], shown: "U or Ctrl+Z", words: "Undo", run: undo },
  { keys: ["g"], shown: "G", words: "One by one", run: lookOneByOne },
]);

showUndo();
tiles.add(data.products);
start(data, stateChanged);
