// Fidelity: whether the product in a picture is still the photo's, with its reasons and their places.

import { h } from "./dom.js";
import { doubtOf, isBeingChecked } from "./doubt.js";

const SVG = "http://www.w3.org/2000/svg";
/** Verdict -> what the badge says, and its kind. */
const WORDS = {
  pass: ["No change found", "good"],
  warn: ["Product: look closely", "warn"],
  fail: ["Product changed", "bad"],
  not_comparable: ["Product not comparable", "warn"],
};

/** Verdict -> what to do now. */
const NEXT = {
  warn: "Compare these places in photo and picture. Approve it if the product is the same.",
  fail: "Reject it, or approve it if you see that the product is the same.",
  not_comparable: "Nothing was compared: look whether it shows the same product.",
};

/** Reasons about the whole product: a frame around all of it says nothing. */
const WHOLE = new Set(["colour", "light", "stretched", "blurred"]);

/** A pass says less where the picture has a warning, or where much of the product was not compared. */
const PARTLY = ["No change found where compared", ""];
const LIT = ["The light changed", ""];
const MUCH_COMPARED = 2 / 3;

function wordsOfPass({ reasons, judged }, warning) {
  if (reasons.some(({ code }) => code === "light")) return LIT;
  return warning || (judged ?? 1) < MUCH_COMPARED ? PARTLY : WORDS.pass;
}

/** The badge of a picture's verdict; null where none is to come. */
export function verdictBadge({ fidelity, warning }) {
  if (!fidelity) return null;
  const reason = fidelity.reasons[0]?.words;
  const found = fidelity.verdict === "pass" ? wordsOfPass(fidelity, warning) : WORDS[fidelity.verdict];
  const [words, kind] = found ?? [
    reason === "not measured yet" ? "Product being checked" : "Product not measured",
    "",
  ];
  return h(
    "span",
    { class: `badge verdict ${kind}`, title: fidelity.reasons.map((r) => r.words).join("; ") },
    words,
  );
}

/** Says that the picture is being made again; null where it is not. */
export const remakeBadge = ({ remake }) =>
  remake?.going_on ? h("span", { class: "badge", title: remake.words }, "Being made again") : null;

/** What came of making the picture again; null where it was made once. */
const remakeLine = ({ remake }) =>
  remake && h("p", { class: "hint" }, remake.words[0].toUpperCase() + remake.words.slice(1));

/** What the check found: each reason, and whether text was read. */
export function aboutFidelity(picture) {
  const { fidelity } = picture;
  if (!fidelity) return null;
  const isOpen = isBeingChecked(picture);
  const isSaid = doubtOf(picture) || isOpen; // by the warning, by the badge
  const reasons = isSaid ? [] : fidelity.reasons.map(({ words }) => h("li", {}, words));
  const next = !isOpen && NEXT[fidelity.verdict];
  const compared = [shareCompared(fidelity), textRead(fidelity)].filter(Boolean).join(" ");
  return h(
    "div",
    { class: "fidelity" },
    verdictBadge(picture),
    reasons.length > 0 && h("ul", {}, reasons),
    next && h("p", { class: "hint" }, next),
    compared && h("p", { class: "hint" }, compared),
    remakeLine(picture),
  );
}

/** A pass is about what was looked at. */
function shareCompared({ judged }) {
  if (typeof judged !== "number") return null;
  return `${Math.floor(judged * 100)}% of the product compared; for edges and thin parts only the outline.`;
}

function textRead({ verdict, lines }) {
  if (!verdict || verdict === "not_comparable") return null;
  if (lines === null) return "Printed text was not read: it needs packshot[fidelity].";
  if (lines === 0) return "No printed text could be compared.";
  return `${lines} printed ${lines === 1 ? "line" : "lines"} compared.`;
}

/** The change map, to lie over its picture; it is only fetched to be seen. */
export const changeMap = ({ fidelity }) =>
  fidelity?.change_map
    ? h("img", {
        class: "changes",
        alt: "What differs from the photo",
        loading: "lazy",
        draggable: "false",
        src: fidelity.change_map,
      })
    : null;

/** Frames around the places of the reasons, `side` being "raw" or "enhanced"; `size` in px. */
export function marks(picture, side, { width, height }) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "marks");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("viewBox", `0 0 ${width || 1} ${height || 1}`);
  const reasons = (picture?.fidelity?.reasons ?? []).filter(({ code }) => !WHOLE.has(code));
  const boxes = reasons.map((reason) => reason[side]).filter(Boolean);
  for (const [left, top, right, bottom] of boxes) {
    const rect = document.createElementNS(SVG, "rect");
    const place = {
      x: left * width,
      y: top * height,
      width: (right - left) * width,
      height: (bottom - top) * height,
    };
    for (const [name, value] of Object.entries(place)) rect.setAttribute(name, value);
    svg.append(rect);
  }
  return svg;
}
