// Pixel lock: whether the product's pixels are the photo's own, and which of them.

import { h } from "./dom.js";

/** Whether the picture is locked, and if not, why; null where no lock was asked for. */
export function aboutLock({ pixel_lock: lock }) {
  if (!lock) return null;
  return h(
    "div",
    { class: "fidelity" },
    h(
      "span",
      { class: `badge ${lock.locked ? "good" : ""}` },
      lock.locked ? "Pixels locked" : "Pixels not locked",
    ),
    h("p", { class: "hint" }, lock.locked ? bound(lock) : `The picture is as it was made: ${lock.words}.`),
    lock.mask &&
      h(
        "p",
        { class: "hint" },
        opened("Locked pixels", lock.mask),
        " · ",
        opened("As it was made", lock.made),
      ),
  );
}

/** Which pixels are the photo's own, to lie over the picture; it is only fetched to be seen. */
export const lockMask = ({ pixel_lock: lock }) =>
  lock?.mask
    ? h("img", {
        class: "locked",
        alt: "In colour: the photo's own pixels",
        loading: "lazy",
        draggable: "false",
        src: lock.mask,
      })
    : null;

/** Whether any of these pictures has something to show in that mode. */
export const anyLocked = (pictures) => pictures.some(({ pixel_lock: lock }) => lock?.mask);

const bound = ({ share, exact, worst_error: worst }) =>
  `${Math.floor(share * 100)} % of the product's pixels are the photo's own. ${exact ? "Copied pixel by pixel" : "Scaled to the picture"}; ${
    worst ? `saving changed them by at most ${worst} of 255 levels` : "saving changed nothing"
  }.`;

const opened = (words, href) => h("a", { href, target: "_blank" }, words);
