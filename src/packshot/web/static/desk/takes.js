// Pictures that are made again after a failed check: one id, several takes, one of them current.

import { SMALL } from "./constants.js";
import { button, h } from "./dom.js";
import { verdictBadge } from "./fidelity.js";
import { image } from "./picture_image.js";
import { cost } from "./words.js";

/**
 * The takes that are not current, each with its verdict, cost and prompt. `choose(number)` makes one current;
 * null where that can't be.
 */
export function otherTakes({ remake }, category, choose) {
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
