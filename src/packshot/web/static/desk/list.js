// Waiting and failed products: what is the matter with each, and what to do.

import { call, foreseen, products as list } from "./api.js";
import { $, announce, button, h, icon, mayReview, maySubmit, pageData } from "./dom.js";
import { SMALL } from "./facts.js";
import { Filters } from "./filters.js";
import { image, rawPicture } from "./frames.js";
import { Pages } from "./pages.js";
import { start } from "./shell.js";
import { toast } from "./toast.js";
import { ago, count, duration, many, moment, sentence } from "./words.js";

const REFRESHED = 100;
const RETRIED_TOGETHER = 4;

const data = pageData();
const failedPage = data.filters.status === "failed";
const mayRetry = failedPage && (mayReview() || maySubmit());
const filters = new Filters($("filters"), data);
const rows = new Map();
let state = data.state;
start(data, stateChanged);

// -- rows ---------------------------------------------------------------------------------------------

function row(product) {
  return h(
    "li",
    { class: "row", data: { id: product.id } },
    h("div", { class: "row-picture" }, image(rawPicture(product), SMALL, "", { loading: "lazy" })),
    h(
      "div",
      { class: "row-text" },
      h(
        "p",
        { class: "row-name" },
        h("a", { href: `/products/${product.id}` }, `${product.category} #${product.id}`),
        product.round > 1 && h("span", { class: "badge" }, `Round ${product.round}`),
      ),
      failedPage
        ? h(
            "p",
            { class: "row-error" },
            icon("warning"),
            h("span", {}, sentence(product.error ?? "it failed, and nothing says why")),
          )
        : h("p", { class: "hint" }, waitingWords(product)),
      h(
        "p",
        { class: "row-when" },
        h(
          "time",
          { datetime: product.updated_at, title: moment(product.updated_at) },
          failedPage ? `Failed ${ago(product.updated_at)}` : `Asked for ${ago(product.updated_at)}`,
        ),
        failedPage && product.error_code ? h("code", {}, product.error_code) : null,
      ),
    ),
    mayRetry &&
      h(
        "div",
        { class: "row-actions" },
        button("Try again", {
          icon: "redo",
          kind: "small",
          onclick: (event) => retry(product, event.currentTarget),
        }),
      ),
  );
}

function waitingWords(product) {
  if (product.attempts > 1) return `Tried ${many(product.attempts, "time")} so far; tried again by itself.`;
  const made = product.images.length;
  if (made) return `${made} of ${product.wanted} pictures made.`;
  return product.attempts ? "Being worked on." : "In the queue.";
}

function add(products) {
  for (const product of products) {
    const fresh = row(product);
    const known = rows.get(product.id);
    if (known) {
      if (known.dataset.version !== String(product.version) || !failedPage) known.replaceWith(fresh);
      else continue;
    } else $("rows").append(fresh);
    fresh.dataset.version = product.version;
    rows.set(product.id, fresh);
  }
  showEmpty();
}

function showEmpty() {
  for (const other of $("rows").querySelectorAll(".empty")) other.remove();
  if (rows.size) return;
  $("rows").append(
    failedPage
      ? h(
          "li",
          { class: "empty" },
          h("h2", {}, "Nothing failed"),
          h("p", {}, "Should a product fail, it shows up here with what happened and what to do."),
        )
      : h(
          "li",
          { class: "empty" },
          h("h2", {}, "Nothing is waiting"),
          h("p", {}, "Everything that was asked for has been made."),
          h("p", {}, h("a", { class: "button", href: "/" }, "Review")),
        ),
  );
}

// -- the summary --------------------------------------------------------------------------------------

function showSummary() {
  const here = state.statuses[data.filters.status] ?? 0;
  $("summary").replaceChildren(...(failedPage ? failedSummary(here) : waitingSummary(here)));
}

function failedSummary(here) {
  if (!here || !mayRetry) return [];
  return [
    h(
      "div",
      { class: "summary" },
      h("p", {}, h("strong", {}, many(here, "product")), " failed"),
      here > 1 &&
        button("Try all again", {
          icon: "redo",
          kind: "small",
          onclick: (event) => retryAll(event.currentTarget),
        }),
    ),
  ];
}

function waitingSummary(here) {
  if (!here) return [];
  const perHour = state.made_last_hour;
  const pictures = here * (data.products[0]?.wanted ?? 3);
  const facts = [
    [count(here), "waiting"],
    [count(state.working), "being worked on"],
    [count(perHour), "pictures in the last hour"],
    perHour ? [duration((pictures / perHour) * 3600), "to go at this pace"] : null,
  ];
  const problem =
    state.worker &&
    h("p", { class: "warning" }, icon("warning"), h("span", {}, `Nothing is being made: ${state.worker}.`));
  return [
    problem,
    h(
      "dl",
      { class: "figures" },
      facts.filter(Boolean).map(([n, words]) => h("div", {}, h("dt", {}, words), h("dd", {}, n))),
    ),
  ].filter(Boolean);
}

// -- trying again -------------------------------------------------------------------------------------

async function retry(product, pressed) {
  pressed.disabled = true;
  try {
    await again(product);
    announce(`Product ${product.id} is tried again`);
  } catch (error) {
    pressed.disabled = false;
    toast(error.message, { title: `Product ${product.id}`, kind: "bad" });
  }
}

async function again(product) {
  await call("POST", `/api/products/${product.id}/enhance`, { body: {}, version: product.version });
  rows.get(product.id)?.remove();
  rows.delete(product.id);
  showEmpty();
}

async function retryAll(pressed) {
  pressed.disabled = true;
  const tried = { done: 0, failed: 0 };
  let broke = "";
  try {
    await againAll(tried);
  } catch (error) {
    if (!foreseen(error)) throw error;
    broke = ` Then it broke off: ${error.message}.`;
  }
  const { done, failed } = tried;
  toast(
    (failed
      ? `${many(done - failed, "product")} tried again; ${failed} could not be.`
      : `${many(done, "product")} tried again.`) + broke,
    { kind: failed || broke ? "bad" : "" },
  );
  pressed.disabled = false;
}

async function againAll(tried) {
  for (let cursor = null; ; ) {
    const page = await list({ ...data.filters, limit: REFRESHED, cursor });
    for (let at = 0; at < page.products.length; at += RETRIED_TOGETHER) {
      const results = await Promise.allSettled(page.products.slice(at, at + RETRIED_TOGETHER).map(again));
      tried.failed += results.filter((result) => result.status === "rejected").length;
      tried.done += results.length;
    }
    cursor = page.next_cursor;
    if (!cursor) return;
  }
}

// -- live ---------------------------------------------------------------------------------------------

async function stateChanged(fresh) {
  state = fresh;
  filters.show(state);
  showSummary();
  const page = await list({ ...data.filters, limit: REFRESHED });
  const listed = new Set(page.products.map((product) => product.id));
  const oldest = page.next_cursor ? Math.min(...listed) : 0;
  for (const [id, element] of rows) {
    if (id < oldest || listed.has(id)) continue;
    element.remove();
    rows.delete(id);
  }
  add(page.products);
}

showSummary();
add(data.products);
new Pages($("more"), data, add);
