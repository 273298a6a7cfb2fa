// A product's history: who decided or corrected what.

import { changeWords } from "../changes.js";
import { reasonWords } from "../constants.js";
import { h } from "../dom.js";
import { KINDS, numberOf, time } from "../words.js";

/** Decisions and corrections, newest first. */
export function history({ decisions, corrections, product }) {
  const lines = [
    ...together(decisions).map((one) => [one.at, decisionLine(one, product)]),
    ...corrections.map((one) => [one.at, correctionLine(one, product)]),
  ];
  lines.sort(([one], [other]) => Date.parse(other) - Date.parse(one));
  const list = lines.map(([, line]) => line);
  return h(
    "section",
    { "aria-label": "History" },
    h("h2", {}, "History"),
    list.length
      ? h("ol", { class: "history" }, list)
      : h("p", { class: "hint" }, "No decisions or corrections yet."),
  );
}

function historyLine({ who, at }, kind, words, hint) {
  return h(
    "li",
    {},
    h("span", { class: `dot ${kind}` }),
    h(
      "div",
      {},
      h("p", {}, h("strong", {}, who), ` ${words}`),
      hint ? h("p", { class: "hint" }, hint) : null,
      time(at, { class: "hint" }),
    ),
  );
}

function decisionLine({ pictures, ...decision }, product) {
  const done = decision.status === "pending" ? "reopened" : decision.status;
  const which = `${pictures.length > 1 ? "pictures" : "picture"} ${pictures.join(", ")}`;
  const ofRound = roundWords(decision, product);
  const why = [decision.reason && reasonWords(decision.reason), decision.note && `“${decision.note}”`];
  const kind = KINDS[decision.status] === "good" ? "live-still" : KINDS[decision.status];
  return historyLine(decision, kind, `${done} ${which}${ofRound}`, why.filter(Boolean).join(": "));
}

const roundWords = ({ round }, product) => (product.round > 1 ? ` of round ${round}` : "");

function correctionLine(correction, product) {
  const changes = Object.entries(correction.changes).map(([name, values]) => [
    pictureWords(name, product),
    values,
  ]);
  return historyLine(correction, "accent", "corrected", changeWords(Object.fromEntries(changes)));
}

/** `alt_text of picture 59`, which has an id, as the page names it; other names as they are. */
function pictureWords(name, product) {
  const [, field, id] = name.match(/^(alt_text|take) of picture (\d+)$/) ?? [];
  const image = product.images.find((one) => one.id === Number(id));
  if (!image) return name;
  const what = field === "take" ? "take" : "alt text";
  return `${what} of picture ${numberOf(image)}${roundWords(image, product)}`;
}

/** Pictures that were decided together are one line. */
function together(decisions) {
  const lines = new Map();
  for (const decision of decisions) {
    const { at, who, round, status, reason, note } = decision;
    const same = JSON.stringify([at, who, round, status, reason, note]);
    if (!lines.has(same)) lines.set(same, { ...decision, pictures: [] });
    lines.get(same).pictures.unshift(numberOf(decision));
  }
  return [...lines.values()];
}
