// The panel beside the pictures: what the product is, and every decision with its key.

import { asked } from "./adjustments.js";
import { $, button, h, icon, key, mayReview, press } from "./dom.js";
import { REASONS } from "./facts.js";
import { count, duration, many, money, STATUS } from "./words.js";

/** The panel. `on` has approve, only, leave, reject(reason), redo, skip, undo, step(by), turn(by). */
export class Panel {
  constructor(on) {
    this.on = on;
    this.promptOpen = matchMedia("(min-width: 761px) and (min-height: 780px)").matches;
    this.#build();
  }

  #build() {
    this.left = h("p", { class: "left" });
    this.pace = h("p", { class: "pace" });
    this.bar = h("progress", { max: 1, value: 0, "aria-label": "Reviewed" });
    this.about = h("div", { class: "about" });
    this.picture = h("div", { class: "picture-facts" });
    this.turn = this.#turn();
    this.verdicts = h("div", { class: "verdicts", id: "verdicts" }, this.#verdicts());
    $("panel").append(
      h(
        "div",
        { class: "panel-top" },
        h("div", { class: "progress" }, h("div", { class: "progress-line" }, this.left, this.pace), this.bar),
        h("div", { id: "filters" }),
        this.about,
        this.turn,
        this.picture,
      ),
      this.verdicts,
      this.#steps(),
    );
  }

  #act(run) {
    return press(run);
  }

  #verdicts() {
    const { on } = this;
    const disabled = !mayReview();
    const make = (text, more) => button(text, { disabled, ...more, onclick: this.#act(more.onclick) });
    this.approve = make("Approve", { icon: "check", key: "A", kind: "approve", onclick: () => on.approve() });
    this.only = make("Only this", {
      key: "⇧A",
      kind: "small",
      title: "Approve this picture, reject the others",
      onclick: () => on.only(),
    });
    this.leave = make("Leave out", {
      key: "X",
      kind: "small",
      title: "Leave this picture out of what is approved",
      onclick: () => on.leave(),
    });
    this.fine = h("div", { class: "pair approve-more" }, this.only, this.leave);
    const reject = make("Reject", { icon: "cross", key: "R", kind: "reject", onclick: () => on.reject() });
    const reasons = REASONS.map(([reason, words], place) =>
      make(words, { key: String(place + 1), kind: "small reason", onclick: () => on.reject(reason) }),
    );
    return [
      this.approve,
      this.fine,
      reject,
      h("div", { class: "reasons", role: "group", "aria-label": "Reject because of" }, reasons),
      h(
        "div",
        { class: "pair others" },
        make("Redo…", {
          icon: "redo",
          key: "⇧R",
          kind: "small redo",
          title: "Reject, and make a new round with your words",
          onclick: () => on.redo(),
        }),
        button("Skip", { icon: "skip", key: "S", kind: "small skip", onclick: this.#act(() => on.skip()) }),
      ),
      disabled && h("p", { class: "hint" }, "Your key may look, but not decide."),
    ];
  }

  #steps() {
    const { on } = this;
    this.undo = button("Undo", {
      icon: "undo",
      key: "U",
      kind: "small",
      title: "Undo (U or Ctrl+Z)",
      "aria-keyshortcuts": "U Control+Z",
      disabled: true,
      onclick: this.#act(() => on.undo()),
    });
    return h(
      "div",
      { class: "steps" },
      this.undo,
      h(
        "div",
        { class: "step-buttons" },
        h(
          "button",
          {
            type: "button",
            class: "button small",
            title: "Previous product (K or ↑)",
            "aria-label": "Previous product",
            "aria-keyshortcuts": "K ArrowUp",
            onclick: this.#act(() => on.step(-1)),
          },
          h("span", { class: "on-phones" }, icon("left")),
          key("K"),
          key("↑"),
        ),
        h(
          "button",
          {
            type: "button",
            class: "button small",
            title: "Next product (J or ↓)",
            "aria-label": "Next product",
            "aria-keyshortcuts": "J ArrowDown",
            onclick: this.#act(() => on.step(1)),
          },
          key("J"),
          key("↓"),
          h("span", { class: "on-phones" }, icon("right")),
        ),
      ),
    );
  }

  /** Which picture the keys are about, and the way to the others. */
  #turn() {
    this.which = h("p", { class: "which" });
    const make = (words, by, keys, aria) =>
      h(
        "button",
        {
          type: "button",
          class: "button small",
          title: `${words} (${keys.join(" or ")})`,
          "aria-label": words,
          "aria-keyshortcuts": aria,
          onclick: this.#act(() => this.on.turn(by)),
        },
        h("span", { class: "on-phones" }, icon(by < 0 ? "left" : "right")),
        keys.map(key),
      );
    return h(
      "div",
      { class: "turn" },
      this.which,
      make("Previous picture", -1, ["←", "["], "ArrowLeft ["),
      make("Next picture", 1, ["]", "→"], "] ArrowRight"),
    );
  }

  /** How far it is: products left and decided, and the reviewer's own pace in products a minute. */
  showProgress({ left, done, pace, undoable }) {
    this.left.replaceChildren(h("strong", {}, count(left)), " left");
    this.pace.textContent = pace
      ? duration((left / pace) * 60)
      : done
        ? many(done, "decided", "decided")
        : "";
    this.pace.title = pace ? `${Math.round(pace)} products a minute` : "";
    this.bar.max = Math.max(1, left + done);
    this.bar.value = done;
    this.undo.disabled = !undoable;
  }

  /** What is known of the product; `decision` is what was decided on it here. */
  showProduct(product, decision) {
    $("panel").toggleAttribute("data-nothing", !product);
    if (!product) return;
    const cut = product.mrp > product.price ? Math.round((1 - product.price / product.mrp) * 100) : 0;
    this.about.replaceChildren(
      h(
        "div",
        { class: "about-line" },
        h("h2", {}, product.category),
        h(
          "a",
          { class: "number-link", href: `/products/${product.id}`, title: "All rounds, prompts and history" },
          `#${product.id}`,
          icon("link"),
        ),
      ),
      h(
        "p",
        { class: "price" },
        h("strong", {}, money(product.price)),
        cut > 0 && h("s", {}, money(product.mrp)),
        cut > 0 && h("span", {}, `${cut}% off`),
        product.round > 1 && h("span", { class: "badge" }, `Round ${product.round}`),
      ),
      badge(product, decision),
      product.instructions ? h("p", { class: "words" }, `“${product.instructions}”`) : "",
      product.adjustments.length ? h("p", { class: "words" }, asked(product.adjustments)) : "",
      product.warning ? warning(product.warning) : "",
    );
    const several = product.images.length > 1;
    this.fine.hidden = !several;
  }

  /** What is known of the picture the keys are about. */
  showPicture(card) {
    const { product, selected } = card;
    const picture = product.images[selected];
    this.turn.hidden = product.images.length < 2;
    if (!picture) return this.picture.replaceChildren();
    this.which.textContent = `Picture ${selected + 1} of ${product.images.length}`;
    const kept = card.keptIds.length;
    const all = product.images.length;
    const whole = all > 1 ? `Approve all ${all}` : "Approve";
    this.approve.querySelector("span").textContent = kept < all ? `Approve ${kept} of ${all}` : whole;
    this.approve.disabled = kept === 0 || !mayReview();
    this.leave.querySelector("span").textContent = card.kept.has(picture.id) ? "Leave out" : "Take in";
    this.picture.replaceChildren(
      h("p", { class: "picture-title" }, h("strong", {}, picture.title || `Picture ${selected + 1}`)),
      picture.warning ? warning(picture.warning) : "",
      picture.prompt ? this.#prompt(picture.prompt) : "",
    );
  }

  #prompt(text) {
    const details = h(
      "details",
      { class: "prompt", open: this.promptOpen },
      h("summary", {}, "Prompt"),
      h("p", {}, text),
    );
    details.addEventListener("toggle", () => (this.promptOpen = details.open));
    return details;
  }
}

const warning = (text) => h("p", { class: "warning" }, icon("warning"), h("span", {}, text));

function badge(product, decision) {
  const words = decision ?? (product.status === "pending_review" ? null : STATUS[product.status]);
  if (!words) return "";
  const kind = /^approved/i.test(words) ? "good" : /^reject/i.test(words) ? "bad" : "";
  return h("p", { class: `badge big ${kind}` }, words);
}
