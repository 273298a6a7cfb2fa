// The panel beside the pictures: what the product is, and every decision with its key.

import { $, announce, button, h, icon, key, press } from "../dom.js";
import { doubtOf } from "../doubt.js";
import { mayReview } from "../rights.js";
import { count, duration, many, numberOf } from "../words.js";
import { aboutPicture, aboutProduct, viewLine } from "./about.js";
import { MarketRules } from "./market_rules.js";

const STRESS_MS = 400;

export class Panel {
  /** Closed until the reviewer opens it: it would push a marketplace's rules out of view. */
  #prompt = { open: false };

  /** `desk` has deciding, reasons, moment, and undo(), step(by), turn(by), nextView(). */
  constructor(desk) {
    this.desk = desk;
    this.left = h("p", { class: "left" });
    this.pace = h("p", { class: "pace" });
    this.bar = h("progress", { max: 1, value: 0, "aria-label": "Reviewed" });
    this.about = h("div", { class: "about" });
    this.viewOf = h("div", { class: "views" });
    this.picture = h("div", { class: "picture-facts" });
    this.rules = new MarketRules();
    this.turn = this.#turn();
    this.#build(h("div", { class: "verdicts", id: "verdicts" }, this.#verdicts(), desk.reasons.element));
  }

  #build(verdicts) {
    const line = h("div", { class: "progress-line" }, this.left, this.pace);
    $("panel").append(
      h(
        "div",
        { class: "panel-top" },
        h("div", { class: "progress" }, line, this.bar),
        h("div", { id: "filters" }),
        this.about,
        this.turn,
        this.rules.found,
        this.picture,
        this.rules.choice,
      ),
      verdicts,
      this.#steps(),
    );
  }

  // -- the buttons -----------------------------------------------------------------------------------

  #verdicts() {
    const disabled = !mayReview();
    return [
      ...this.#approving(disabled),
      ...this.#rejecting(disabled),
      disabled && h("p", { class: "hint" }, "Your key may look, but not decide."),
    ];
  }

  #approving(disabled) {
    const { deciding } = this.desk;
    this.approve = button("Approve", {
      icon: "check",
      key: "A",
      kind: "approve",
      disabled,
      onclick: press(() => deciding.approve()),
    });
    this.only = button("Only this", {
      key: "⇧A",
      kind: "small",
      title: "Approve this picture, reject the others",
      disabled,
      onclick: press(() => deciding.only()),
    });
    this.leave = button("Leave out", {
      key: "X",
      kind: "small",
      disabled,
      onclick: press(() => deciding.leave()),
    });
    this.why = h("p", { class: "why-not", role: "status", hidden: true });
    return [this.approve, this.why, h("div", { class: "pair approve-more" }, this.leave, this.only)];
  }

  #rejecting(disabled) {
    const { deciding } = this.desk;
    const reject = button("Reject…", {
      icon: "cross",
      key: "R",
      kind: "reject",
      disabled,
      onclick: press(() => deciding.openReasons()),
    });
    const redo = button("Make again…", {
      icon: "redo",
      key: "⇧R",
      kind: "small redo",
      title: "Reject, and make a new round with your words",
      disabled,
      onclick: press(() => deciding.redo()),
    });
    const skip = button("Skip", {
      icon: "skip",
      key: "S",
      kind: "small skip",
      onclick: press(() => deciding.skip()),
    });
    return [reject, h("div", { class: "pair others" }, redo, skip)];
  }

  #steps() {
    this.undo = button("Undo", {
      icon: "undo",
      key: "U",
      kind: "small",
      "aria-keyshortcuts": "U Control+Z",
      disabled: true,
      onclick: press(() => this.desk.undo()),
    });
    this.undoWords = h("p", { class: "undo-words" });
    const step = (words, by, keys, aria) => this.#arrow(words, keys, aria, by, () => this.desk.step(by));
    return h(
      "div",
      { class: "steps" },
      this.desk.moment.element,
      this.undoWords,
      this.undo,
      h(
        "div",
        { class: "step-buttons" },
        step("Previous product", -1, ["K", "↑"], "K ArrowUp"),
        step("Next product", 1, ["J", "↓"], "J ArrowDown"),
      ),
    );
  }

  /** Which picture the keys apply to, and buttons for the others. */
  #turn() {
    this.which = h("p", { class: "which" });
    const turn = (words, by, keys, aria) => this.#arrow(words, keys, aria, by, () => this.desk.turn(by));
    return h(
      "div",
      { class: "turn" },
      this.which,
      turn("Previous picture", -1, ["←", "["], "ArrowLeft ["),
      turn("Next picture", 1, ["]", "→"], "] ArrowRight"),
    );
  }

  #arrow(words, keys, aria, by, run) {
    return h(
      "button",
      {
        type: "button",
        class: "button small",
        title: `${words} (${keys.join(" or ")})`,
        "aria-label": words,
        "aria-keyshortcuts": aria,
        onclick: press(run),
      },
      h("span", { class: "on-phones" }, icon(by < 0 ? "left" : "right")),
      keys.map(key),
    );
  }

  // -- texts ---------------------------------------------------------------------------------

  /** Products left and decided, the reviewer's pace in products a minute, and what Undo reverts. */
  showProgress({ left, done, pace, undo }) {
    this.left.replaceChildren(h("strong", {}, count(left)), " left");
    const decided = done ? many(done, "decided", "decided") : "";
    this.pace.textContent = pace && left ? duration((left / pace) * 60) : decided;
    this.pace.title = pace ? `${many(Math.round(pace), "product")} a minute` : "";
    this.bar.max = Math.max(1, left + done);
    this.bar.value = done;
    this.undo.disabled = undo === null;
    this.undoWords.textContent = undo ?? "";
    this.undoWords.title = undo ?? "";
  }

  /** The facts about the product; `decision` is the decision made here. */
  showProduct(product, decision) {
    $("panel").toggleAttribute("data-nothing", !product);
    if (product) this.about.replaceChildren(...aboutProduct(product, decision, this.viewOf));
  }

  /** Which view of its SKU is on the stage, and which products show the same. */
  showViews(place, total, same) {
    this.viewOf.replaceChildren(...viewLine(place, total, same, () => this.desk.nextView()));
  }

  /** The facts about the selected picture, and which pictures Approve includes. */
  showPicture(card) {
    const { product, selected } = card;
    const picture = product.images[selected];
    const all = product.images.length;
    this.turn.hidden = all < 2;
    this.rules.show(product, picture);
    if (!picture) return this.picture.replaceChildren();
    this.which.textContent = `Picture ${numberOf(picture)} of ${Math.max(all, product.wanted ?? 0)}`;
    this.#showChoice(card.keptIds.length, all);
    const taken = card.kept.has(picture.id);
    this.only.hidden = all < 2;
    const doubtful = Boolean(doubtOf(picture));
    this.only.toggleAttribute("data-none", doubtful && !taken);
    this.leave.hidden = all < 2 && taken && !doubtful;
    this.leave.querySelector("span").textContent = taken ? "Leave out" : "Include";
    this.picture.replaceChildren(...aboutPicture(picture, this.#prompt));
  }

  /** Draw the eye to why nothing can be approved: it stands there already. */
  stressWhyNot() {
    this.why.animate([{ opacity: 0 }, { opacity: 1 }], STRESS_MS);
    announce(this.why.textContent);
  }

  #showChoice(kept, all) {
    const whole = all > 1 ? `Approve all ${all}` : "Approve";
    this.approve.querySelector("span").textContent = kept < all ? `Approve ${kept} of ${all}` : whole;
    this.approve.toggleAttribute("data-none", kept === 0); // when pressed, it says why
    this.why.hidden = kept > 0 || !mayReview();
    const them =
      all > 1
        ? "Every picture is left out. Include (X) each that is good"
        : "It is left out. Include it (X) if it is good";
    this.why.textContent = `${them}, or reject.`;
  }
}
