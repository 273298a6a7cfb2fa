// The grid: select many products and decide on them together.

import { products as list } from "./api.js";
import { isSure, leftWords } from "./bulk.js";
import { ask } from "./dialog.js";
import { $, announce, button, h, icon, mayReview, pageData, press } from "./dom.js";
import { doubtOf, keepable } from "./doubt.js";
import { DownloadButton } from "./download_button.js";
import { REASONS, reasonWords, SMALL } from "./facts.js";
import { Filters } from "./filters.js";
import { image } from "./frames.js";
import { listen } from "./keys.js";
import { outbox, reviewStep, undoSteps } from "./outbox.js";
import { Pages } from "./pages.js";
import { at, go } from "./place.js";
import { start } from "./shell.js";
import { toast } from "./toast.js";
import { earlier } from "./undoing.js";
import { ago, count, foundWords, many, money, STATUS, verdict } from "./words.js";

const REFRESHED = 200;

const data = pageData();
const filters = new Filters($("filters"), data, [
  "all",
  "pending_review",
  "approved",
  "rejected",
  "pending",
  "failed",
]);
const tiles = new Map();
const chosen = new Set();
const undoable = [];
const earlierOnes = data.last_decisions.map(earlier);
/** The product that was selected last: a range begins there. */
const anchor = { id: null };

const downloadButton = new DownloadButton(data, () => [...chosen].map((id) => tiles.get(id)?.product));
document.querySelector(".heading").append(downloadButton.element);
start(data, stateChanged);
const decidable = mayReview() && ["pending_review", "approved", "rejected"].includes(data.filters.status);

// -- tiles --------------------------------------------------------------------------------------------

class Tile {
  constructor(product) {
    this.box = h("input", { type: "checkbox", class: "tile-box", hidden: !decidable, disabled: !decidable });
    this.box.addEventListener("click", (event) => choose(this.product.id, event));
    this.facts = h("span", { class: "tile-facts" });
    this.pictures = h("span", { class: "tile-pictures" });
    this.label = h("label", { class: "tile-label" }, this.box, this.pictures, this.facts);
    this.link = h(
      "a",
      { class: "tile-link", title: "All about this product" },
      icon("link"),
      h("span", { class: "unseen" }, "Open"),
    );
    this.element = h("li", { class: "tile" }, this.label, this.link);
    this.show(product);
  }

  show(product) {
    const before = this.product;
    if (before && before.version >= product.version) return;
    this.product = product;
    if (before && before.round !== product.round && chosen.has(product.id)) {
      mark(product.id, false); // these are not the pictures that were selected
      showSelection();
    }
    const alt = `${product.category} ${product.id}`;
    this.pictures.style.setProperty("--across", Math.ceil(Math.sqrt(product.images.length + 1)));
    this.pictures.replaceChildren(
      h(
        "span",
        { class: "tile-picture raw" },
        image(product.normalised, SMALL, `${alt}, raw`, { loading: "lazy" }),
      ),
      ...product.images.map((picture) =>
        h(
          "span",
          { class: product.status === "rejected" ? "tile-picture" : `tile-picture is-${picture.status}` },
          image(
            picture,
            SMALL,
            `${alt}, picture ${picture.variant + 1}${picture.status === "rejected" ? ", rejected" : ""}`,
            { loading: "lazy" },
          ),
        ),
      ),
    );
    this.link.href = at(`/products/${product.id}`);
    this.#showFacts(verdict(product));
  }

  #showFacts(words) {
    const { product } = this;
    const warned = product.images.some(doubtOf) || product.warning;
    const status = product.status === data.filters.status && !this.waiting ? null : words;
    this.facts.replaceChildren(
      tileName(product),
      h(
        "span",
        { class: "tile-end" },
        warned
          ? h(
              "span",
              { class: "warned", title: "Has a warning" },
              icon("warning"),
              h("span", { class: "unseen" }, "Has a warning"),
            )
          : null,
        status ? h("span", { class: "badge" }, status) : h("span", {}, money(product.price)),
      ),
    );
  }

  choose(on) {
    this.box.checked = on;
    this.element.toggleAttribute("data-chosen", on);
  }

  /** Decided here, not yet saved. */
  decided(words) {
    this.waiting = words !== null;
    this.element.toggleAttribute("data-decided", this.waiting);
    this.#showFacts(words ?? verdict(this.product));
  }
}

/** The SKU, name or category; then the view, the number, and why it is rejected. */
function tileName(product) {
  const name = product.sku ?? product.name ?? product.category;
  const reasons = new Set(product.images.map((picture) => picture.reason).filter(Boolean));
  const more = [
    product.view,
    name !== product.category && product.category,
    [...reasons].map(reasonWords).join(", "),
  ].filter(Boolean);
  return h(
    "span",
    { class: "tile-name" },
    h(
      "span",
      { class: "tile-sku" },
      h("strong", {}, name),
      more.length > 0 && h("span", {}, more.join(" · ")),
    ),
    h("span", {}, `#${product.id}`),
  );
}

function add(products) {
  for (const product of products) {
    const known = tiles.get(product.id);
    if (known) known.show(product);
    else {
      const tile = new Tile(product);
      tiles.set(product.id, tile);
      $("tiles").append(tile.element);
    }
  }
  showEmpty();
}

function remove(id) {
  tiles.get(id)?.element.remove();
  tiles.delete(id);
  chosen.delete(id);
}

function showEmpty() {
  for (const other of $("tiles").querySelectorAll(".empty")) other.remove();
  $("tiles").toggleAttribute("data-empty", tiles.size === 0);
  if (tiles.size) return;
  const { status, category, reason } = data.filters;
  const where =
    (category ? ` in ${category}` : "") + (reason ? ` because of ${reasonWords(reason).toLowerCase()}` : "");
  const words = status ? `No products are ${STATUS[status].toLowerCase()}${where}.` : `No products${where}.`;
  $("tiles").append(h("li", { class: "empty" }, h("h2", {}, "Nothing here"), h("p", {}, words)));
}

// -- choosing -----------------------------------------------------------------------------------------

function choose(id, event) {
  const on = event.target.checked;
  const ids = event.shiftKey && anchor.id !== null ? range(anchor.id, id) : [id];
  for (const each of ids) mark(each, on);
  anchor.id = id;
  showSelection();
}

function range(from, to) {
  const ids = [...tiles.keys()];
  const [start, end] = [ids.indexOf(from), ids.indexOf(to)].sort((a, b) => a - b);
  return ids.slice(Math.max(0, start), end + 1);
}

function mark(id, on) {
  if (on) chosen.add(id);
  else chosen.delete(id);
  tiles.get(id).choose(on);
}

function chooseAll() {
  if (!decidable) return;
  for (const id of tiles.keys()) mark(id, true);
  showSelection();
}

function chooseNone() {
  for (const id of [...chosen]) mark(id, false);
  showSelection();
}

function showSelection() {
  const n = chosen.size;
  for (const element of [approveButton, rejectButton, noneButton]) element.disabled = n === 0;
  downloadButton.show();
  chosenWords.textContent = n ? `${count(n)} chosen` : "None chosen";
  announce(chosenWords.textContent);
}

// -- deciding -----------------------------------------------------------------------------------------

async function decideChosen(status) {
  const asked = [...chosen].filter((id) => tiles.has(id)).map((id) => tiles.get(id).product);
  const products = status === "approved" ? asked.filter(isSure) : asked;
  const left = asked.filter((product) => !products.includes(product));
  if (!asked.length) return;
  if (!products.length)
    return toast(`${leftWords(left)} Nothing was approved.`, { actions: [["Review", lookOneByOne]] });
  const answer = await confirmed(status, products, left);
  if (!answer) return;
  const batch = products.map((product) => send(product, status, answer.reason));
  undoable.push(batch);
  showUndo();
  chooseNone();
  const doing = status === "approved" ? "Approving" : "Rejecting";
  toast(`${doing} ${many(products.length, "product")}. ${leftWords(left)}`.trim(), {
    actions: [["Undo", () => undo(batch)]],
    stay: false,
  });
}

const lookOneByOne = () => go(`/?${new URLSearchParams(data.filters)}`);

function confirmed(status, products, left) {
  const approving = status === "approved";
  const n = products.length;
  return ask({
    title: `${approving ? "Approve" : "Reject"} ${many(n, "product")}?`,
    body: approving ? approvedWords(products, left) : [reasonField()],
    yes: approving ? `Approve ${count(n)}` : `Reject ${count(n)}`,
    kind: approving ? "approve" : "reject",
    answer: (form) => ({ reason: form.elements.reason?.value || null }),
  });
}

function approvedWords(products, left) {
  const all = products.reduce((sum, product) => sum + product.images.length, 0);
  const kept = products.reduce((sum, product) => sum + keepable(product).length, 0);
  const before = all - kept;
  const words = before
    ? `${many(kept, "picture")} approved; ${many(before, "stays", "stay")} rejected, as decided before.`
    : `All their ${many(kept, "picture")} are approved.`;
  return [
    h("p", {}, words),
    left.length > 0 && h("p", { class: "warning" }, icon("warning"), h("span", {}, leftWords(left))),
  ].filter(Boolean);
}

function reasonField() {
  const reasons = REASONS.filter(([code]) => code !== "other");
  return h(
    "label",
    { class: "field" },
    h("span", {}, "Because of"),
    h(
      "select",
      { name: "reason" },
      h("option", { value: "" }, "No reason"),
      reasons.map(([code, words]) => h("option", { value: code }, words)),
    ),
  );
}

/** Decide on a product as it was shown; returns what undo needs. */
function send(product, status, reason) {
  const step = reviewStep(product, status, { kept: keepable(product), reason });
  tiles.get(product.id)?.decided(STATUS[status]);
  outbox.add({ product: product.id, version: product.version, words: STATUS[status], steps: [step] });
  return { product, step };
}

/** A batch, by its toast, or the newest one. */
function undo(batch = undoable.at(-1)) {
  const place = undoable.indexOf(batch);
  if (place < 0) return undoEarlier();
  undoable.splice(place, 1);
  for (const { product, step } of batch) takeBack(tiles.get(product.id), product, step);
  showUndo();
}

/** A decision of before this page, product by product, newest first. */
function undoEarlier() {
  const entry = earlierOnes.shift();
  if (!entry) return announce("Nothing to undo");
  const { product, now, step } = entry;
  const steps = now.round === product.round ? undoSteps(product, step) : [];
  if (steps.length) outbox.add({ product: now.id, version: now.version, words: "Undone", steps });
  toast(`Undone: ${earlierWords(entry)}`);
  showUndo();
}

const earlierWords = ({ words, product, at: when }) =>
  `${words} · ${product.sku ?? `#${product.id}`}, ${ago(when)}`;

/** What the next undo reverts. */
function showUndo() {
  const batch = undoable.at(-1);
  const words = batch ? many(batch.length, "product") : earlierOnes[0] && earlierWords(earlierOnes[0]);
  undoButton.disabled = !words;
  undoButton.title = words ? `Undo: ${words}` : "";
}

function takeBack(tile, before, step) {
  if (!tile || tile.product.round !== before.round) return;
  tile.decided(null);
  if (outbox.cancel(before.id)) return;
  const steps = undoSteps(before, step);
  const { version } = tile.product;
  if (steps.length) outbox.add({ product: before.id, version, words: "Undone", steps });
}

outbox.addEventListener("saved", ({ detail: { product } }) => {
  const tile = tiles.get(product.id);
  if (!tile || outbox.has(product.id)) return;
  tile.show(product);
  tile.decided(product.status === data.filters.status ? null : verdict(product));
});

outbox.addEventListener("refused", ({ detail: { job, problem } }) => {
  const tile = tiles.get(job.product);
  if (tile && problem.product) tile.show(problem.product);
  tile?.decided(null);
  toast(
    problem.found?.length
      ? foundWords(problem, job)
      : problem.status === 412
        ? `Somebody was faster: it is ${STATUS[problem.product.status].toLowerCase()} now. Yours was not saved.`
        : problem.message,
    { title: `Product ${job.product}`, kind: "bad", stay: true },
  );
});

// -- live ---------------------------------------------------------------------------------------------

async function stateChanged(state) {
  filters.show(state);
  downloadButton.show(state);
  merge(await list({ ...data.filters, limit: REFRESHED }));
}

/** New products come first; those decided elsewhere are removed. */
function merge(page) {
  const listed = new Set(page.products.map((product) => product.id));
  const { order, q } = data.filters;
  const oldest = page.next_cursor ? (order || q ? Number.POSITIVE_INFINITY : Math.min(...listed)) : 0;
  for (const [id, tile] of tiles) {
    if (id >= oldest && !listed.has(id) && !tile.waiting && !outbox.has(id)) remove(id);
  }
  for (const product of page.products) tiles.get(product.id)?.show(product);
  if (order || q) return showEmpty(); // the place of a new one is only known after a reload
  const fresh = page.products.filter(
    (product) => !tiles.has(product.id) && product.id > Math.max(0, ...tiles.keys()),
  );
  for (const product of fresh.reverse()) {
    const tile = new Tile(product);
    tiles.set(product.id, tile);
    $("tiles").prepend(tile.element);
  }
  showEmpty();
}

// -- the bar and its keys -----------------------------------------------------------------------------

const act = (run) => press(() => run());
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
const noneButton = button("None", { key: "Esc", kind: "small", disabled: true, onclick: act(chooseNone) });
const undoButton = button("Undo", { icon: "undo", key: "U", kind: "small", onclick: act(() => undo()) });
showUndo();
if (decidable)
  $("selection").append(
    chosenWords,
    button("All", { key: "Ctrl+A", kind: "small", onclick: act(chooseAll) }),
    noneButton,
    undoButton,
    h("span", { class: "gap" }),
    rejectButton,
    approveButton,
  );
else for (const element of [$("selection"), document.querySelector(".heading .hint")]) element.hidden = true;

listen("Choose", [
  { keys: ["ctrl+a"], shown: "Ctrl+A", words: "Choose all that are shown", run: chooseAll },
  { keys: ["Escape"], shown: "Esc", words: "Choose none", run: chooseNone },
]);
listen("Decide", [
  { keys: ["a"], shown: "A", words: "Approve the chosen ones", run: () => decideChosen("approved") },
  { keys: ["r"], shown: "R", words: "Reject the chosen ones", run: () => decideChosen("rejected") },
  { keys: ["u", "ctrl+z"], shown: "U or Ctrl+Z", words: "Undo", run: () => undo() },
  {
    keys: ["g"],
    shown: "G",
    words: "One by one",
    run: () => go(`/?${new URLSearchParams(data.filters)}`),
  },
]);

add(data.products);
new Pages($("more"), data, add);
