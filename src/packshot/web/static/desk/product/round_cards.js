// A product's rounds, with a card for each of their pictures.

import { asked } from "../adjustments.js";
import { SMALL } from "../constants.js";
import { button, h, warning } from "../dom.js";
import { doubtOf } from "../doubt.js";
import { aboutFidelity, verdictBadge } from "../fidelity.js";
import { address, image, rawPicture, sourceSet } from "../picture_image.js";
import { aboutLock } from "../pixel_lock.js";
import { mayReview } from "../rights.js";
import { bytes, cost, KINDS, numberOf, PICTURE_STATUS, pictureTitle, promptWords, time } from "../words.js";
import { actionButton } from "./action_button.js";
import { foundLater } from "./still_open.js";

const MADE_BY = { local: "Made by the local enhancer", gemini: "Made by Gemini" };

/** All rounds of the product. `page` is the ProductPage, which carries out the actions. */
export function roundCards({ product, rounds }, page) {
  const shown = rounds.length ? rounds : [{ number: product.round, instructions: null }];
  return shown.map((round) => roundCard(round, product, page));
}

function roundCard(round, product, page) {
  const pictures = product.images.filter((picture) => picture.round === round.number);
  const current = round.number === product.round;
  return h(
    "section",
    { class: "round", "aria-label": `Round ${round.number}` },
    roundHead(round, current),
    ...wishes(round),
    current && product.warning && warning(product.warning),
    h(
      "ul",
      { class: "pictures" },
      current && rawPicture(product) && rawCard(product),
      pictures.map((picture) => pictureCard(picture, product, page)),
    ),
    !pictures.length && h("p", { class: "hint" }, "No pictures yet."),
    round.analysis && analysis(round.analysis),
  );
}

const roundHead = ({ number, enhancer }, current) =>
  h(
    "div",
    { class: "round-head" },
    h("h2", {}, `Round ${number}`),
    current ? h("span", { class: "badge accent" }, "Current") : h("span", { class: "badge" }, "Closed"),
    enhancer && h("span", { class: "hint" }, MADE_BY[enhancer] ?? `Made by ${enhancer}`),
  );

/** Who asked for the round, and for what. */
const wishes = ({ asked_by: who, opened_at: since, adjustments, instructions }) => [
  who && h("p", { class: "hint" }, `Asked for by ${who} `, time(since)),
  adjustments?.length > 0 && h("p", { class: "words" }, asked(adjustments)),
  instructions && h("p", { class: "words" }, `“${instructions}”`),
];

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

function pictureCard(picture, product, page) {
  const title = pictureTitle(picture);
  const current = picture.round === product.round;
  const decidable = current && mayReview() && !["pending", "failed"].includes(product.status);
  return h(
    "li",
    { class: "picture-card", data: { picture: picture.id } },
    zoomable(picture, `${product.category}, enhanced: ${title}`),
    h(
      "div",
      { class: "picture-text" },
      pictureName(picture, title),
      ...checks(picture, decidable ? () => page.decidePicture(picture, "approved") : null),
      h("p", { class: "hint" }, pictureFacts(picture)),
      otherTakes(
        picture,
        product.category,
        decidable && picture.status === "pending" ? (take) => page.chooseTake(picture, take) : null,
      ),
      altText(picture, current && mayReview() ? () => page.describe(picture) : null),
      picture.prompt &&
        h("details", { class: "prompt" }, h("summary", {}, promptWords(picture)), h("p", {}, picture.prompt)),
      decidable && decisions(picture, page),
    ),
  );
}

function pictureName({ status }, title) {
  const kind = KINDS[status === "pending" ? "pending_review" : status];
  return h(
    "p",
    { class: "picture-name" },
    h("strong", {}, title),
    h("span", { class: `badge ${kind}` }, PICTURE_STATUS[status]),
  );
}

/** What the checks found. */
function checks(picture, approve) {
  const map = picture.fidelity?.change_map;
  return [
    doubtOf(picture) && warning(doubtOf(picture)),
    foundLater(picture, approve),
    aboutFidelity(picture),
    aboutLock(picture),
    map && h("a", { class: "hint", href: map, target: "_blank" }, "Change map"),
  ];
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
const altText = (picture, edit) =>
  h(
    "p",
    { class: "alt-text" },
    h("span", {}, h("span", { class: "hint" }, "Alt text: "), picture.alt_text),
    edit &&
      actionButton("Edit…", "text", `alt-${picture.id}`, edit, { about: `alt text of ${numbered(picture)}` }),
  );

const numbered = (picture) => `picture ${numberOf(picture)}`;

function decisions(picture, page) {
  const offer = (words, name, status, run = () => page.decidePicture(picture, status)) =>
    picture.status !== status &&
    actionButton(words, name, `${status}-${picture.id}`, run, { about: numbered(picture) });
  return h(
    "div",
    { class: "picture-actions" },
    offer("Approve", "check", "approved"),
    offer("Reject", "cross", "rejected", () => page.rejectPicture(picture)),
    offer("Undo", "undo", "pending"),
  );
}

/**
 * The takes that are not current, each with its verdict, cost and prompt. `choose(number)` makes one current;
 * null where that can't be.
 */
function otherTakes({ remake }, category, choose) {
  const others = (remake?.takes ?? []).filter((take) => !take.stands && take.prompt);
  if (!others.length) return null;
  return h(
    "details",
    { class: "takes" },
    h("summary", {}, others.length > 1 ? "The other takes" : "The other take"),
    others.map((take) => otherTake(take, category, remake.going_on ? null : choose)),
  );
}

function otherTake(take, category, choose) {
  const facts = [take.model, cost(take.cost)].filter(Boolean).join(" · ");
  const name = take.number === 1 ? "The first" : `Take ${take.number}`;
  const picture = take.media_url
    ? h(
        "a",
        { href: take.media_url, target: "_blank", title: "Open the original" },
        image(take, SMALL, `${category}, take ${take.number}, not the current one`, { loading: "lazy" }),
      )
    : h("p", { class: "hint" }, "Removed to save space.");
  return h(
    "div",
    { class: "take" },
    picture,
    h("p", {}, h("strong", {}, name), " ", verdictBadge(take)),
    facts && h("p", { class: "hint" }, facts),
    take.media_url && choose && button("Use this one", { kind: "small", onclick: () => choose(take.number) }),
    h("details", { class: "prompt" }, h("summary", {}, "Prompt"), h("p", {}, take.prompt)),
  );
}

/** The analysis of a round, folded; null where there is nothing to read. */
function analysis(found) {
  const lines = Object.entries(found)
    .filter(([name, value]) => name !== "variants" && value !== null && value !== "" && String(value) !== "")
    .map(([name, value]) =>
      h("div", {}, h("dt", {}, name.replaceAll("_", " ")), h("dd", {}, readable(value))),
    );
  return lines.length
    ? h(
        "details",
        { class: "prompt" },
        h("summary", {}, "What was seen in the photo"),
        h("dl", { class: "plain-facts" }, lines),
      )
    : null;
}

function readable(value) {
  if (Array.isArray(value)) return value.map(readable).join(", ") || "none";
  if (value && typeof value === "object")
    return Object.entries(value)
      .map(([name, part]) => `${name.replaceAll("_", " ")}: ${readable(part)}`)
      .join(", ");
  return String(value);
}
