// One product: its rounds, prompts, cost and history, and everything that can be done about it.

import { adjustmentsOf, asked } from "./adjustments.js";
import { Away, call, isExpected } from "./api.js";
import { ask } from "./dialog.js";
import { $, announce, button, h, icon, mayDelete, mayReview, maySubmit, pageData } from "./dom.js";
import { doubtOf, samePictures } from "./doubt.js";
import { download } from "./download.js";
import { REASONS, SMALL } from "./facts.js";
import { aboutFidelity } from "./fidelity.js";
import { address, image, rawPicture, sourceSet } from "./frames.js";
import { aboutLock } from "./pixel_lock.js";
import { at, go } from "./place.js";
import { poll } from "./poll.js";
import { cancel, confirmDeletion, mayHaveAnotherPhoto, remove, replacePhoto } from "./product_actions.js";
import { analysis } from "./product_analysis.js";
import { editFacts } from "./product_edit.js";
import { facts, history, KINDS, views } from "./product_facts.js";
import { wishFields } from "./questions.js";
import { start } from "./shell.js";
import { ShopCheck } from "./shop_check.js";
import { foundLater, openPictures, stillOpen } from "./still_open.js";
import { otherTakes } from "./takes.js";
import { toast } from "./toast.js";
import {
  ago,
  bytes,
  cost,
  isCancelled,
  many,
  moment,
  PICTURE_STATUS,
  STATUS,
  sentence,
  statusOf,
  waiting,
} from "./words.js";

const BUSY_MS = 2_000;
const IDLE_MS = 6_000;
const MADE_BY = { local: "Made by the local enhancer", gemini: "Made by Gemini" };

/** The latest answer of the server. */
const shown = { data: pageData() };
start(shown.data);
const id = shown.data.product.id;
const check = new ShopCheck(id);
const asking = poll(
  () => `/desk/products/${id}`,
  show,
  () => (shown.data.product.status === "pending" ? BUSY_MS : IDLE_MS),
);

function show(fresh) {
  const announced = shown.data.product.status !== fresh.product.status;
  shown.data = fresh;
  if (document.querySelector("dialog[open]")) return;
  const focused = document.activeElement?.closest?.("[data-focus]")?.dataset.focus;
  check.show(fresh.product);
  $("product").replaceChildren(...page());
  if (focused) $("product").querySelector(`[data-focus="${focused}"]`)?.focus();
  if (announced) announce(`Now ${STATUS[shown.data.product.status].toLowerCase()}`);
}

// -- the page -----------------------------------------------------------------------------------------

function page() {
  const { product } = shown.data;
  return [
    head(product),
    product.status === "failed" ? failure(product) : null,
    product.status === "pending" ? progress(product) : null,
    stillOpen(product, mayReview() ? (ids) => decide("approved", { image_ids: ids }) : null),
    views(product, shown.data.siblings),
    h(
      "div",
      { class: "product-columns" },
      h("div", { class: "rounds" }, rounds(), check.element),
      h("aside", { class: "facts" }, facts(product, mayEdit() && editButton()), history(shown.data)),
    ),
  ].filter(Boolean);
}

function head(product) {
  const decided = ["pending_review", "approved", "rejected"].includes(product.status);
  const reviewed = ["approved", "rejected"].includes(product.status);
  return h(
    "div",
    { class: "heading product-heading" },
    h(
      "h1",
      {},
      product.name ?? product.sku ?? product.category,
      h("span", { class: "h-number" }, `#${product.id}`),
    ),
    h("span", { class: `badge big ${KINDS[product.status]}` }, statusOf(product)),
    h(
      "div",
      { class: "heading-actions" },
      decided &&
        mayReview() &&
        product.status !== "pending_review" &&
        act("Reopen", "undo", "reopen", () => decide("pending")),
      product.status === "pending" &&
        (mayReview() || maySubmit()) &&
        act("Cancel", "cross", "cancel", () => perform(cancel)),
      product.status === "approved" &&
        act("Download…", "download", "download", () =>
          download({ products: String(id) }, "The approved pictures of this product."),
        ),
      mayDelete() && act("Delete…", "cross", "delete", deleteIt),
      product.status !== "pending" &&
        (mayReview() || (maySubmit() && !reviewed)) &&
        act("Make again…", "redo", "redo", redo),
      decided &&
        h(
          "a",
          { class: "button small", href: at(`/?product=${product.id}`), data: { focus: "desk" } },
          icon("all"),
          h("span", {}, "Open on the desk"),
        ),
    ),
  );
}

const act = (words, picture, focus, run, kind = "small") =>
  button(words, { icon: picture, kind, data: { focus }, onclick: run });

const mayEdit = () => mayReview() || maySubmit();
const editButton = () => act("Edit…", "text", "edit", () => perform(editFacts));

function failure(product) {
  const text = sentence(product.error ?? "nothing says why");
  return h(
    "section",
    { class: "alert", "aria-label": "What went wrong" },
    icon("warning"),
    h(
      "div",
      {},
      h("h2", {}, isCancelled(product) ? "It was cancelled" : "Its pictures could not be made"),
      h("p", {}, text),
      h(
        "p",
        { class: "hint" },
        `After ${many(product.attempts, "try", "tries")}`,
        product.error_code ? [" · ", h("code", {}, product.error_code)] : null,
      ),
    ),
    maySubmit() && mayHaveAnotherPhoto(product)
      ? act("Another photo…", "upload", "photo", () => perform(replacePhoto))
      : null,
    mayReview() || maySubmit() ? act("Try again", "redo", "retry", retry, "primary") : null,
  );
}

function progress(product) {
  const made = product.images.filter((picture) => picture.round === product.round).length;
  return h(
    "section",
    { class: "making", "aria-label": "Progress" },
    h("p", {}, h("strong", {}, made ? `${made} of ${product.wanted} pictures made` : waiting(product))),
    h("progress", { max: product.wanted ?? 3, value: made, "aria-label": "Pictures made" }),
  );
}

function rounds() {
  const { product } = shown.data;
  const numbers = shown.data.rounds.length
    ? shown.data.rounds
    : [{ number: product.round, instructions: null }];
  return numbers.map((round) => {
    const pictures = product.images.filter((picture) => picture.round === round.number);
    const current = round.number === product.round;
    return h(
      "section",
      { class: "round", "aria-label": `Round ${round.number}` },
      h(
        "div",
        { class: "round-head" },
        h("h2", {}, `Round ${round.number}`),
        current ? h("span", { class: "badge accent" }, "Current") : h("span", { class: "badge" }, "Closed"),
        round.enhancer &&
          h("span", { class: "hint" }, MADE_BY[round.enhancer] ?? `Made by ${round.enhancer}`),
      ),
      round.asked_by &&
        h(
          "p",
          { class: "hint" },
          `Asked for by ${round.asked_by} `,
          h("time", { datetime: round.opened_at, title: moment(round.opened_at) }, ago(round.opened_at)),
        ),
      round.adjustments?.length ? h("p", { class: "words" }, asked(round.adjustments)) : null,
      round.instructions && h("p", { class: "words" }, `“${round.instructions}”`),
      current && product.warning
        ? h("p", { class: "warning" }, icon("warning"), h("span", {}, product.warning))
        : null,
      h(
        "ul",
        { class: "pictures" },
        current && rawPicture(product) ? rawCard(product) : null,
        pictures.map((picture) => card(picture, current)),
      ),
      pictures.length ? null : h("p", { class: "hint" }, "No pictures yet."),
      round.analysis ? analysis(round.analysis) : null,
    );
  });
}

function rawCard(product) {
  const picture = rawPicture(product);
  return h(
    "li",
    { class: "picture-card" },
    zoomable(picture, `${product.category}, raw photo`),
    h("div", { class: "picture-text" }, h("p", { class: "picture-name" }, h("strong", {}, "Raw photo"))),
  );
}

function zoomable(picture, alt) {
  const original = address(picture, "original");
  if (!original) return h("div", { class: "picture-box" }, image(null));
  return h(
    "a",
    { class: "picture-box", href: original, target: "_blank", title: "Open the original" },
    image(picture, SMALL, alt, {
      srcset: sourceSet(picture),
      sizes: `${SMALL}px`,
      loading: "lazy",
    }),
  );
}

function card(picture, current) {
  const title = picture.title || `Picture ${picture.variant + 1}`;
  const reviewable = current && mayReview() && !["pending", "failed"].includes(shown.data.product.status);
  const kind = KINDS[picture.status === "pending" ? "pending_review" : picture.status];
  return h(
    "li",
    { class: "picture-card" },
    zoomable(picture, `${shown.data.product.category}, enhanced: ${title}`),
    h(
      "div",
      { class: "picture-text" },
      h(
        "p",
        { class: "picture-name" },
        h("strong", {}, title),
        h("span", { class: `badge ${kind}` }, PICTURE_STATUS[picture.status]),
      ),
      doubtOf(picture)
        ? h("p", { class: "warning" }, icon("warning"), h("span", {}, doubtOf(picture)))
        : null,
      foundLater(picture, reviewable ? () => decidePicture(picture, "approved") : null),
      aboutFidelity(picture),
      aboutLock(picture),
      picture.fidelity?.change_map &&
        h("a", { class: "hint", href: picture.fidelity.change_map, target: "_blank" }, "Change map"),
      h("p", { class: "hint" }, pictureFacts(picture)),
      otherTakes(
        picture,
        shown.data.product.category,
        reviewable && picture.status === "pending"
          ? (take) => change("PATCH", `/api/product-images/${picture.id}`, { take })
          : null,
      ),
      altText(picture, current),
      picture.prompt
        ? h("details", { class: "prompt" }, h("summary", {}, "Prompt"), h("p", {}, picture.prompt))
        : null,
      reviewable ? pictureActions(picture) : null,
    ),
  );
}

function pictureFacts(picture) {
  const facts = [
    picture.width && `${picture.width} × ${picture.height}`,
    picture.bytes && bytes(picture.bytes),
    picture.model ?? picture.enhancer,
    cost(picture.cost),
  ];
  return facts.filter(Boolean).join(" · ");
}

/** The alternative text, which every export contains, and the button to change it. */
function altText(picture, current) {
  return h(
    "p",
    { class: "alt-text" },
    h("span", {}, h("span", { class: "hint" }, "Alt text: "), picture.alt_text),
    current && mayReview() && act("Edit…", "text", `alt-${picture.id}`, () => describe(picture)),
  );
}

function pictureActions(picture) {
  const offer = (words, name, status, run = () => decidePicture(picture, status)) =>
    picture.status !== status && act(words, name, `${status}-${picture.id}`, run);
  return h(
    "div",
    { class: "picture-actions" },
    offer("Approve", "check", "approved"),
    offer("Reject", "cross", "rejected", () => rejectPicture(picture)),
    offer("Undo", "undo", "pending"),
  );
}

// -- actions ----------------------------------------------------------------------------------------

/** Send one change with the version on the page, then show the result. */
async function change(method, url, body) {
  try {
    await call(method, url, { body, version: shown.data.product.version });
  } catch (error) {
    toast(words(error), { kind: "bad", stay: error.status === 412 });
  }
  await refresh();
  announce(openPictures(shown.data.product) ?? "");
}

function words(error) {
  if (error instanceof Away) return "Not saved: Packshot can't be reached. Try again when it is back.";
  if (error.status !== 412) return error.message;
  const who = error.product && `It is ${STATUS[error.product.status].toLowerCase()} now.`;
  return `Somebody else changed it first, so nothing was saved. ${who ?? ""} The page shows it as it is.`;
}

async function refresh() {
  try {
    show((await call("GET", `/desk/products/${id}`)).body);
  } catch (error) {
    if (!isExpected(error)) throw error;
  }
  asking.now();
}

/** Run one of the actions for a product that is stuck, then show the result. */
async function perform(action) {
  try {
    await action(shown.data.product);
  } catch (error) {
    if (!isExpected(error)) throw error;
    toast(words(error), { kind: "bad", stay: error.status === 412 });
  }
  await refresh();
}

async function deleteIt() {
  const { product } = shown.data;
  if (!(await confirmDeletion(1, `product ${product.id}`))) return;
  try {
    await remove(product);
    go("/grid");
  } catch (error) {
    if (!isExpected(error)) throw error;
    toast(words(error), { kind: "bad" });
  }
}

const decidePicture = (picture, status, more = {}) =>
  change("PATCH", `/api/product-images/${picture.id}`, { status, ...more });
const decide = (status, more = {}) => change("POST", `/api/products/${id}/review`, { status, ...more });
const retry = () => change("POST", `/api/products/${id}/enhance`, {});

async function describe(picture) {
  const given = await ask({
    title: `Alt text of picture ${picture.variant + 1}`,
    body: [
      h(
        "label",
        { class: "field" },
        h("span", {}, "What the picture shows, in at most 125 characters"),
        h("textarea", { name: "words", rows: 3, maxlength: 125, autofocus: true, value: picture.alt_text }),
      ),
      h("p", { class: "hint" }, "Empty: from the name, the view and what the enhancer saw."),
    ],
    yes: "Save",
    answer: (form) => ({ alt_text: form.elements.words.value.trim() || null }),
  });
  if (given && given.alt_text !== picture.alt_text)
    change("PATCH", `/api/product-images/${picture.id}`, given);
}

async function rejectPicture(picture) {
  const seen = shown.data.product;
  const reason = h(
    "select",
    { name: "reason" },
    h("option", { value: "" }, "No reason"),
    REASONS.map(([code, text]) => h("option", { value: code }, text)),
  );
  const given = await ask({
    title: `Reject picture ${picture.variant + 1}`,
    body: [
      h("label", { class: "field" }, h("span", {}, "Because of"), reason),
      h(
        "label",
        { class: "field" },
        h("span", {}, "Note"),
        h("textarea", { name: "note", rows: 2, maxlength: 1000 }),
      ),
    ],
    yes: "Reject",
    kind: "reject",
    answer: (form) => ({
      reason: form.elements.reason.value || undefined,
      note: form.elements.note.value.trim() || undefined,
    }),
  });
  if (!given) return;
  if (samePictures(seen, shown.data.product)) return decidePicture(picture, "rejected", given);
  toast("Other pictures came up in the meantime, so nothing was decided.", { kind: "bad", stay: true });
  await refresh();
}

async function redo() {
  const given = await ask({
    title: "Make it again",
    body: [
      ...wishFields(shown.data.product.images),
      h("p", { class: "hint" }, "A new round begins. Pictures that are undecided now are closed."),
    ],
    yes: "Make it again",
    answer: (form) => ({
      instructions: form.elements.words.value.trim() || undefined,
      adjustments: adjustmentsOf(form),
    }),
  });
  if (given) change("POST", `/api/products/${id}/enhance`, given);
}

show(shown.data);
