// What is still to be decided on a product's page, and what was found after a decision.

import { button, h, icon } from "../dom.js";
import { many } from "../words.js";

/** The pictures of the current round by their status; those that were removed are decided. */
function byStatus({ images, round }) {
  const current = images.filter((picture) => picture.round === round && !picture.removed_at);
  const of = (status) => current.filter((picture) => picture.status === status);
  return { all: current, open: of("pending"), approved: of("approved") };
}

/** Says that a product is only decided in part; null where it is not. */
export function openPictures(product) {
  const { all, open, approved } = byStatus(product);
  if (product.status !== "pending_review" || !open.length || open.length === all.length) return null;
  const done = approved.length
    ? `${many(approved.length, "picture is", "pictures are")} approved, but not the product: `
    : "The product is not decided: ";
  return `${done}${many(open.length, "picture is", "pictures are")} undecided.`;
}

/** The same with what to do now. `keep(ids)` approves these pictures and rejects the others; or null. */
export function stillOpen(product, keep) {
  const words = openPictures(product);
  if (!words) return null;
  const { open, approved } = byStatus(product);
  const others = open.length === 1 ? "it" : "them";
  const rejected = open.length === 1 ? "Reject the other" : `Reject the other ${open.length}`;
  return h(
    "section",
    { class: "alert still-open", "aria-label": "Still to decide" },
    icon("warning"),
    h(
      "div",
      {},
      h("h2", {}, words),
      h("p", {}, `It is exported once every picture is decided: approve or reject ${others} below.`),
    ),
    keep && approved.length
      ? button(rejected, {
          icon: "cross",
          kind: "small",
          data: { focus: "reject-others" },
          onclick: () => keep(approved.map((picture) => picture.id)),
        })
      : null,
  );
}

/** Says that a check found a change after the approval; `keep()` confirms it, or null. */
export function foundLater({ id, found_after_approval: found }, keep) {
  if (!found) return null;
  return h(
    "div",
    { class: "found-later" },
    h("p", {}, "It was approved before its check ended, and the check found this. Look at it again."),
    keep &&
      button("Keep it approved", {
        icon: "check",
        kind: "small",
        data: { focus: `keep-${id}` },
        onclick: keep,
      }),
  );
}
