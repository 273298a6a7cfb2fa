// The desk: one product after the other, decided with one key. Read decide() first.

import { adjustmentFields, adjustmentsOf, asked as adjustmentWords } from "./adjustments.js";
import { call, foreseen, session } from "./api.js";
import { ask } from "./dialog.js";
import { $, announce, h, mayReview, pageData } from "./dom.js";
import { reasonWords } from "./facts.js";
import { Filters } from "./filters.js";
import { Card } from "./frames.js";
import { listen, Switch } from "./keys.js";
import { enhanceStep, LONGEST_WAIT_S, outbox, reviewStep, undoSteps } from "./outbox.js";
import { Panel } from "./panel.js";
import { Queue } from "./queue.js";
import { start } from "./shell.js";
import { Stage } from "./stage.js";
import { toast } from "./toast.js";
import { ago, count, many, STATUS } from "./words.js";

const AHEAD = 3;
const UNDO_DEEP = 20;
const PACE_OVER = 30;
const REFRESH_MS = 20_000;
/** Pictures that came in the place of others are looked at for so long before a key is about them. */
const LOOK_MS = 500;
const FILL_AGAIN_MS = 2_000;

const goOn = new Switch("go-on", "After a decision, the next product comes by itself");
const data = pageData();
const live = start(data, stateChanged);
const queue = new Queue(data);
const stage = new Stage();
const cards = new Map();
const done = [];
const paces = [];
let state = data.state;
let saved = 0;
let behind = false;
let refreshed = performance.now();
let swapped = -Infinity;
let preparing = 0;
let filling = false;
let fillFailed = false;
/** When the last key or button was pressed, and when the product on the stage came there. */
let pressed = 0;
let shown = 0;
let forgetWarning = () => {};

for (const kind of ["keydown", "click"]) addEventListener(kind, (event) => (pressed = event.timeStamp), true);

const panel = new Panel({
  approve: () => approve(),
  only: () => only(),
  leave: () => leave(),
  reject: (reason) => reject(reason),
  redo: () => redo(),
  skip: () => skip(),
  undo: () => undo(),
  step: (by) => step(by),
  turn: (by) => turn(by),
});
const filters = new Filters($("filters"), data);

// -- showing ------------------------------------------------------------------------------------------

const on = {
  pick: (index) => select(index),
  keep: (index) => {
    select(index);
    leave();
  },
};

function cardOf(product) {
  const known = cards.get(product.id);
  if (known?.take(product)) {
    known.fit(stage.side);
    return known;
  }
  const card = new Card(product, stage.side, on);
  cards.set(product.id, card);
  return card;
}

function show() {
  const product = queue.current;
  const card = product && cardOf(product);
  const another = stage.card?.product.id !== product?.id;
  stage.show(card, product ? null : nothing());
  if (another) shown = performance.now();
  panel.showProduct(product, product && queue.decision(product.id));
  if (card) panel.showPicture(card);
  showProgress();
  afterPaint(prepare);
}

function showProgress() {
  panel.showProgress({ left: queue.left, done: queue.done, pace: pace(), undoable: done.length > 0 });
}

/** Decode the next products, and forget those long gone, until the next one is shown. */
async function prepare() {
  preparing += 1;
  const mine = preparing;
  fill();
  const next = queue.ahead(AHEAD);
  const near = new Set([
    queue.at,
    ...next.map((product) => product.id),
    ...done.slice(-2).map((entry) => entry.id),
  ]);
  for (const id of cards.keys()) if (!near.has(id)) cards.delete(id);
  for (const product of queue.current ? [queue.current, ...next] : next) {
    await cardOf(product).ready();
    if (mine !== preparing) return;
  }
}

/** Get more products long before they run out, again and again if need be: this waits for no picture. */
async function fill() {
  if (filling) return;
  filling = true;
  try {
    while (queue.runsLow) {
      const trouble = await fillOnce();
      fillFailed = trouble !== null;
      if (queue.current) showProgress();
      else moveOn();
      if (trouble) await worthAskingAgain(trouble);
    }
  } finally {
    filling = false;
  }
}

/** What went wrong, or null. */
async function fillOnce() {
  try {
    await queue.fill();
    return null;
  } catch (error) {
    if (!foreseen(error)) throw error;
    return error;
  }
}

/** As late as the server wants it; when nobody is signed in, once somebody is again. */
function worthAskingAgain(error) {
  return new Promise((resolve) => {
    if (error.status === 401) session.addEventListener("started", resolve, { once: true });
    else setTimeout(resolve, Math.max(FILL_AGAIN_MS, 1_000 * Math.min(error.retryAfter, LONGEST_WAIT_S)));
  });
}

function afterPaint(run) {
  requestAnimationFrame(() => setTimeout(run));
}

function select(index) {
  const card = stage.card;
  if (!card?.product.images[index]) return;
  card.select(index);
  panel.showPicture(card);
  if (stage.isZoomed) card.sharpen();
}

function turn(by) {
  const card = stage.card;
  if (!card) return;
  const n = card.product.images.length;
  select((card.selected + by + n) % n);
  announce(`Picture ${card.selected + 1} of ${n}`);
}

function moveOn() {
  queue.advance();
  show();
}

function step(by) {
  if (queue.step(by)) show();
}

// -- deciding -----------------------------------------------------------------------------------------

/** The product on the stage, if the last key or click can have been about it: nobody decides what they did not see. */
function seen() {
  const product = stage.card?.product;
  if (!product) return null;
  const fresh = performance.now() - swapped < LOOK_MS;
  if (pressed >= shown && !fresh) return product;
  const what = fresh ? "New pictures have just come" : "You pressed before it came up";
  forgetWarning();
  forgetWarning = toast(`${what}, so nothing was decided.`, { title: `Product ${product.id}` });
  return null;
}

const judged = () => (mayReview() ? seen() : null);

/** The same pictures, after a question was answered; else says so. */
function stillJudged(product) {
  const now = judged();
  if (now && now.id === product.id && now.round === product.round) return now;
  toast("Other pictures came up in the meantime, so nothing was decided.", {
    title: `Product ${product.id}`,
  });
  return null;
}

/** Show the next product at once, and save behind it. */
function decide(product, words, status, steps) {
  const start = performance.now();
  afterPaint(() => performance.measure("decision", { start }));
  queue.decide(product.id, words);
  remember({ id: product.id, kind: "decision", status, product, step: steps[0] });
  paces.push(performance.now());
  outbox.add({ product: product.id, version: product.version, round: product.round, words, status, steps });
  if (goOn.on) moveOn();
  else show();
  announce(`${words}. ${count(queue.left)} left`);
}

function approve(kept = stage.card?.keptIds) {
  const product = judged();
  if (!product || !kept?.length) return;
  const all = product.images.length;
  const words = kept.length < all ? `Approved ${kept.length} of ${all}` : "Approved";
  decide(product, words, "approved", [reviewStep(product, "approved", { kept })]);
}

function only() {
  const picture = stage.card?.product.images[stage.card.selected];
  if (picture) approve([picture.id]);
}

function leave() {
  const card = seen() && stage.card;
  if (!card) return;
  const kept = card.toggle(card.selected);
  panel.showPicture(card);
  announce(`Picture ${card.selected + 1} ${kept ? "kept" : "left out"}`);
}

async function reject(reason = null) {
  let product = judged();
  if (!product) return;
  const note = reason === "other" ? await askNote() : null;
  if (reason === "other" && note === null) return;
  if (reason === "other") product = stillJudged(product);
  if (product)
    decide(product, reason ? `Rejected: ${reasonWords(reason).toLowerCase()}` : "Rejected", "rejected", [
      reviewStep(product, "rejected", { reason, note }),
    ]);
}

function askNote() {
  return ask({
    title: "Why is it rejected?",
    body: [
      h(
        "label",
        { class: "field" },
        h("span", {}, "In a few words"),
        h("textarea", { name: "note", rows: 3, required: true, maxlength: 1000, autofocus: true }),
      ),
    ],
    yes: "Reject",
    kind: "reject",
    answer: (form) => form.elements.note.value.trim() || null,
  });
}

async function redo() {
  const asked = judged();
  if (!asked) return;
  const wishes = await ask({
    title: "Reject and make it again",
    body: [
      h(
        "label",
        { class: "field" },
        h("span", {}, "What should be different?"),
        h("textarea", {
          name: "words",
          rows: 4,
          maxlength: 1000,
          autofocus: true,
          placeholder: "Keep the label sharp, and use a pure white background",
        }),
      ),
      adjustmentFields(),
      h(
        "p",
        { class: "hint" },
        asked.images.every((image) => image.enhancer === "local")
          ? "The local enhancer can't read: choose what it should change. Words are for Gemini."
          : `Your words go to the enhancer. It makes ${many(asked.wanted ?? asked.images.length, "new picture")}.`,
      ),
    ],
    yes: "Make it again",
    answer: (form) => {
      const given = {
        words: form.elements.words.value.trim() || null,
        adjustments: adjustmentsOf(form),
      };
      return given.words || given.adjustments.length ? given : null;
    },
  });
  const product = wishes && stillJudged(asked);
  if (product)
    decide(product, "Rejected, being made again", "redo", [
      reviewStep(product, "rejected", { note: wishes.words ?? adjustmentWords(wishes.adjustments) }),
      enhanceStep(product, wishes.words, wishes.adjustments),
    ]);
}

function skip() {
  const product = seen();
  if (!product) return;
  queue.skip(product.id);
  remember({ id: product.id, kind: "skip" });
  moveOn();
  announce(`Skipped. ${count(queue.left)} left`);
}

function remember(entry) {
  done.push(entry);
  if (done.length > UNDO_DEEP) done.shift();
}

function undo() {
  const entry = done.pop();
  if (!entry) return announce("Nothing to undo");
  const product = queue.get(entry.id);
  if (!product) return showProgress();
  if (entry.kind === "decision" && !takeBack(entry, product)) return showProgress();
  queue.reopen(entry.id);
  queue.go(entry.id);
  show();
  announce(`Undone. ${count(queue.left)} left`);
}

/** True when the decision is, or will be, undone: each picture is again what it was before. */
function takeBack(entry, product) {
  if (outbox.cancel(entry.id)) return true;
  if (product.round !== entry.product.round) {
    toast("It has new pictures, so the decision on the old ones stays.", { title: `Product ${entry.id}` });
    return false;
  }
  if (entry.status === "redo") {
    toast(`Product ${entry.id} is being made again already. It comes back when its new pictures are there.`);
    return false;
  }
  const steps = undoSteps(entry.product, entry.step);
  if (steps.length)
    outbox.add({
      product: entry.id,
      version: product.version,
      round: product.round,
      words: "Undone",
      status: "pending",
      steps,
    });
  queue.putBack(entry.product);
  return true;
}

/** Products a minute, over the last decisions. */
function pace() {
  const recent = paces.slice(-PACE_OVER);
  if (recent.length < 5) return 0;
  return ((recent.length - 1) * 60_000) / (recent.at(-1) - recent[0]);
}

// -- what comes back ----------------------------------------------------------------------------------

outbox.addEventListener("saved", ({ detail: { job, product } }) => {
  saved += job.status === "pending" ? -1 : 1;
  if (queue.get(product.id)) queue.put(product);
  refreshShown();
  if (!queue.current && !outbox.size) live.now();
});

/** The product before the reviewer may have a newer state: of the same pictures, or with others. */
function refreshShown() {
  const product = queue.current;
  const card = stage.card;
  if (!product || card?.product.id !== product.id || outbox.has(product.id)) return;
  if (card.product.version === product.version) return;
  if (!card.take(product)) {
    if (!product.images.length) return; // those on the stage stay until new ones are there
    swapped = performance.now();
    show();
    return announce(`New pictures of product ${product.id} have come`);
  }
  panel.showProduct(product, queue.decision(product.id));
  panel.showPicture(card);
}

outbox.addEventListener("refused", async ({ detail: { job, problem } }) => {
  const place = done.findLastIndex((entry) => entry.id === job.product);
  if (place >= 0) done.splice(place, 1);
  const stands = problem.product ?? job.answer;
  queue.reopen(job.product);
  if (stands) queue.put(stands);
  if (stands && stands.status !== "pending_review") queue.decide(job.product, STATUS[stands.status]);
  if (problem.status === 404) queue.remove(job.product);
  if (!queue.current) moveOn();
  else if (queue.at === job.product) show();
  else showProgress();
  if (problem.status === 412 && problem.product) return conflict(job, problem.product);
  const words = job.done ? "It is rejected, but not being made again" : `“${job.words}” was not saved`;
  toast(`${words}: ${problem.message}.`, {
    title: `Product ${job.product}`,
    kind: "bad",
    actions: [["Show it", () => open(job.product)]],
  });
});

/** Somebody else was faster: theirs stands until this reviewer looks again. */
async function conflict(job, theirs) {
  const redone = theirs.status === "pending" || theirs.round > job.round;
  const who = await lastWord(theirs.id, redone);
  const decided =
    theirs.status === "pending_review" ? "changed it" : `${STATUS[theirs.status].toLowerCase()} it`;
  const what = redone ? "asked for new pictures of it" : decided;
  const theirWords = who ? `${who.who} ${what} ${ago(who.at)}.` : `Somebody ${what} in the meantime.`;
  toast(`${theirWords} Your “${job.words}” was not saved.`, {
    title: `Product ${theirs.id}`,
    kind: "bad",
    actions: [["Look again", () => open(theirs.id)]],
  });
}

/** Who asked for the present round, or decided last: `{who, at}`, or null. */
async function lastWord(id, redone) {
  try {
    const { rounds, decisions } = (await call("GET", `/desk/products/${id}`)).body;
    if (!redone) return decisions[0] ?? null;
    return rounds[0].asked_by ? { who: rounds[0].asked_by, at: rounds[0].opened_at } : null;
  } catch {
    return null;
  }
}

function open(id) {
  if (!queue.get(id)) return location.assign(`/products/${id}`);
  queue.go(id);
  show();
}

async function stateChanged(fresh) {
  state = fresh;
  filters.show(state);
  const before = queue.total;
  queue.told(fresh);
  behind ||= !explained(before - queue.total) || performance.now() - refreshed > REFRESH_MS;
  showProgress();
  if (behind) await refresh();
  if (!queue.current) moveOn();
  else showProgress();
}

/** Did what was saved from here make the count fall so? Counts of a large shop come late, a part at a time. */
function explained(fallen) {
  const ours = Math.sign(fallen) !== -Math.sign(saved) && Math.abs(fallen) <= Math.abs(saved);
  saved = ours ? saved - fallen : 0;
  queue.since += Math.max(0, saved);
  return ours;
}

/** Only when the counts are not what this reviewer's own decisions explain: the list is long. */
async function refresh() {
  refreshed = performance.now();
  const gone = await queue.refresh();
  refreshShown();
  if (gone.includes(queue.at)) await goneElsewhere(queue.at);
  behind = false;
}

/** The product on the desk was decided by somebody else: said, not snatched away. */
async function goneElsewhere(id) {
  const answer = await call("GET", `/api/products/${id}`);
  const product = answer.body.data.product;
  if (queue.at !== id || outbox.has(id)) return;
  const who = await lastWord(id, product.status === "pending");
  queue.put(product);
  const what = product.status === "pending" ? "New pictures asked for" : STATUS[product.status];
  queue.decide(id, `${what}${who ? ` by ${who.who}` : ""}`);
  refreshShown();
  panel.showProduct(queue.current, queue.decision(queue.at));
  announce(`Product ${id} was decided by somebody else`);
}

// -- nothing to show ----------------------------------------------------------------------------------

function nothing() {
  if (queue.cursor)
    return fillFailed
      ? empty(
          "The next products can't be loaded",
          "They are asked for again by themselves. What you decided is kept.",
        )
      : empty("Loading the next products", "You are faster than they come.");
  const making = state.shop.pending ?? 0;
  const total = Object.values(state.shop).reduce((sum, n) => sum + n, 0);
  if (!total)
    return empty("Nothing here yet", "Add photos, and their pictures come up here as they are made.", [
      "Upload photos",
      "/upload",
    ]);
  if (making)
    return empty(
      queue.done ? "All caught up" : "Nothing to review yet",
      `${many(making, "product")} on the way. They come up here by themselves.`,
      ["See what is waiting", "/waiting"],
    );
  const elsewhere = state.shop.pending_review ?? 0;
  const narrowed = Object.keys(data.filters).length > 1;
  if (narrowed && elsewhere)
    return empty(
      queue.done ? "All caught up here" : "Nothing to review here",
      `${many(elsewhere, "product")} to review without these filters.`,
      ["Review them all", "/"],
    );
  const speed = pace() ? `, ${Math.round(pace())} a minute` : "";
  const yours = `You decided ${many(queue.done, "product")}${speed}.`;
  const text = queue.done ? yours : "Every product here has been decided.";
  return empty("All caught up", text, ["Look at the approved ones", "/grid?status=approved"]);
}

function empty(title, text, [words, href] = []) {
  return h(
    "div",
    { class: "empty" },
    h("h2", {}, title),
    h("p", {}, text),
    words && h("p", {}, h("a", { class: "button", href }, words)),
  );
}

// -- keys ---------------------------------------------------------------------------------------------

listen("Decide", [
  { keys: ["a"], shown: "A", words: "Approve, and go on", run: () => approve() },
  { keys: ["shift+a"], shown: "⇧A", words: "Approve only this picture", run: only },
  { keys: ["x"], shown: "X", words: "Leave this picture out, or take it in", run: leave },
  { keys: ["r"], shown: "R", words: "Reject", run: () => reject() },
  ...["wrong_product", "colour", "text_damaged", "edges", "background", "other"].map((reason, place) => ({
    keys: [String(place + 1)],
    shown: String(place + 1),
    words: `Reject: ${reasonWords(reason).toLowerCase()}`,
    run: () => reject(reason),
  })),
  { keys: ["shift+r"], shown: "⇧R", words: "Reject and make again, with your words", run: redo },
  { keys: ["s"], shown: "S", words: "Skip for now", run: skip },
  { keys: ["u", "ctrl+z"], shown: "U or Ctrl+Z", words: "Undo", run: undo },
]);
listen("Look", [
  {
    keys: ["Space"],
    shown: "Space",
    words: "Hold: the raw photo in place",
    run: () => stage.blink(true),
    release: () => stage.blink(false),
  },
  { keys: ["v"], shown: "V", words: "All, side by side, wipe, difference", run: () => stage.nextMode() },
  { keys: ["z"], shown: "Z", words: "Zoom, the same in all", run: () => stage.toggleZoom() },
  { keys: ["b"], shown: "B", words: "Background", run: () => stage.nextBack() },
  {
    keys: ["["],
    shown: "[ ]",
    words: "Previous, next picture, also when zoomed",
    repeats: true,
    run: () => turn(-1),
  },
  { keys: ["]"], shown: "", words: "", repeats: true, run: () => turn(1) },
]);
listen("Move", [
  {
    keys: ["ArrowLeft"],
    shown: "← →",
    words: "Previous, next picture; pan when zoomed",
    repeats: true,
    run: () => arrow(-1, 0),
  },
  { keys: ["ArrowRight"], shown: "", words: "", repeats: true, run: () => arrow(1, 0) },
  { keys: ["ArrowUp"], shown: "", words: "", repeats: true, run: () => arrow(0, -1) },
  { keys: ["ArrowDown"], shown: "", words: "", repeats: true, run: () => arrow(0, 1) },
  { keys: ["k"], shown: "K or ↑", words: "Previous product", repeats: true, run: () => step(-1) },
  { keys: ["j"], shown: "J or ↓", words: "Next product", repeats: true, run: () => step(1) },
  {
    keys: ["g"],
    shown: "G",
    words: "Grid",
    run: () => location.assign(`/grid?${new URLSearchParams(data.filters)}`),
  },
]);

function arrow(dx, dy) {
  if (stage.isZoomed) stage.panStep(dx, dy);
  else if (dx) turn(dx);
  else step(dy);
}

show();
