// The top of a product's page: its name and status, what can be done with it, what failed, its progress.

import { h, icon } from "../dom.js";
import { at } from "../place.js";
import { mayDelete, mayEdit, mayReview, maySubmit } from "../rights.js";
import { isCancelled, KINDS, lastTry, many, sentence, statusOf, waiting } from "../words.js";
import { actionButton } from "./action_button.js";
import { mayHaveAnotherPhoto } from "./actions.js";

/** The heading. `page` is the ProductPage, which carries out the actions. */
export function heading(product, page) {
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
    h("div", { class: "heading-actions" }, actions(product, page)),
  );
}

function actions({ id, status }, page) {
  const reviewed = ["approved", "rejected"].includes(status);
  return [
    reviewed && mayReview() && actionButton("Reopen", "undo", "reopen", () => page.decide("pending")),
    status === "pending" && mayEdit() && actionButton("Cancel", "cross", "cancel", () => page.cancel()),
    status === "approved" && actionButton("Download…", "download", "download", () => page.download()),
    status !== "pending" &&
      (mayReview() || (maySubmit() && !reviewed)) &&
      actionButton("Make again…", "redo", "redo", () => page.redo()),
    (reviewed || status === "pending_review") && deskLink(id),
    mayDelete() && actionButton("Delete…", "bin", "delete", () => page.remove()),
  ];
}

const deskLink = (id) =>
  h(
    "a",
    { class: "button small", href: at(`/?product=${id}`), data: { focus: "desk" } },
    icon("all"),
    h("span", {}, "Open on the desk"),
  );

/** What went wrong with a failed product, and what can be tried. */
export function failure(product, page) {
  return h(
    "section",
    { class: "alert", "aria-label": "What went wrong" },
    icon("warning"),
    h(
      "div",
      {},
      h("h2", {}, isCancelled(product) ? "It was cancelled" : "Its pictures could not be made"),
      h("p", {}, sentence(product.error ?? "nothing says why")),
      h(
        "p",
        { class: "hint" },
        `After ${many(product.attempts, "try", "tries")}`,
        product.error_code && [" · ", h("code", {}, product.error_code)],
      ),
    ),
    maySubmit() &&
      mayHaveAnotherPhoto(product) &&
      actionButton("Another photo…", "upload", "photo", () => page.replacePhoto()),
    mayEdit() && actionButton("Try again", "redo", "retry", () => page.retry(), { kind: "primary" }),
  );
}

/** How many pictures of a pending product are made. */
export function progress(product) {
  const made = product.images.filter((picture) => picture.round === product.round).length;
  return h(
    "section",
    { class: "making", "aria-label": "Progress" },
    h("p", {}, h("strong", {}, made ? `${made} of ${product.wanted} pictures made` : waiting(product))),
    h("progress", { max: product.wanted ?? 3, value: made, "aria-label": "Pictures made" }),
    product.error && h("p", { class: "hint" }, lastTry(product)),
  );
}
