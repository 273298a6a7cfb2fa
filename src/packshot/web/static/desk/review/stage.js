// Compares pictures: which frames are visible, how they overlap, and one zoom for all of them.

import { SMALL } from "../constants.js";
import { $, announce, button, h, icon, key, press } from "../dom.js";
import { recall, remember } from "../memory.js";
import { anyLocked } from "../pixel_lock.js";
import { StageGestures } from "./gestures.js";
import { pairLayout, tileLayout } from "./layout.js";

const MODES = [
  ["pair", "Side by side", "pair"],
  ["all", "All", "all"],
  ["wipe", "Wipe", "wipe"],
  ["difference", "Difference", "difference"],
  ["changes", "Changes", "changes"],
  ["lock", "Lock", "lock"],
];
/** Modes that show the raw photo and one picture beside each other. */
const PAIRS = ["pair", "changes", "lock"];
const BACKS = ["grey", "white", "black", "checker"];
const MAX_ZOOM = 12;
const PAN_STEP = 0.08;

const recalled = (name, allowed) => {
  const value = recall(name);
  return allowed.includes(value) ? value : allowed[0];
};

export class Stage {
  #card = null;
  #side = 320;
  #size;
  #zoom = { scale: 1, x: 0.5, y: 0.5 };
  #mode = recalled(
    "mode",
    MODES.map(([mode]) => mode),
  );
  #back = recalled("back", BACKS);

  /** `pick(index)` selects a picture. */
  constructor(pick) {
    this.pick = pick;
    this.root = $("stage");
    this.#size = this.root.getBoundingClientRect();
    this.wipe = $("wipe").querySelector("input");
    this.wipe.addEventListener("input", () => this.#placeWipe());
    this.#drawTools();
    this.#listenToRaw();
    new StageGestures(this);
    this.setMode(this.#mode);
    this.setBack(this.#back);
    this.#placeWipe();
    new ResizeObserver(([{ contentRect }]) => {
      this.#size = contentRect;
      this.#fit();
    }).observe(this.root);
  }

  get card() {
    return this.#card;
  }

  get isZoomed() {
    return this.#zoom.scale > 1;
  }

  /** Whether a drag moves the wipe. */
  get isWiping() {
    return this.#mode === "wipe" && !this.isZoomed;
  }

  /** How large the views are now, in CSS pixels. */
  get side() {
    const { width, height } = this.#size;
    if (this.#mode === "all" || PAIRS.includes(this.#mode)) return this.#side;
    return Math.ceil(Math.max(this.#side, Math.min(width, height)));
  }

  /** The same for the selected picture and the others, which are small when only the strip shows them. */
  get sizes() {
    return { side: this.side, others: this.#mode === "all" ? this.side : SMALL };
  }

  /** Show a card (its pictures are already decoded, if there was time), or something else. */
  show(card, instead = null) {
    if (scrollY) scrollTo({ top: 0, behavior: "instant" });
    this.#card = card;
    if (this.isZoomed) this.zoomTo(1);
    this.#fit();
    this.root.replaceChildren(...(card ? [card.element] : instead ? [instead] : []));
    this.root.toggleAttribute("data-empty", !card);
    const locked = Boolean(card && anyLocked(card.product.images));
    this.root.toggleAttribute("data-locks", locked);
    this.modes.querySelector('[data-mode="lock"]').hidden = !locked;
  }

  // -- modes -----------------------------------------------------------------------------------------

  setMode(mode) {
    this.#mode = mode;
    this.root.dataset.mode = mode;
    $("wipe").hidden = mode !== "wipe";
    remember("mode", mode);
    for (const element of this.modes.children)
      element.setAttribute("aria-pressed", String(element.dataset.mode === mode));
    this.#fit();
    if (this.isZoomed) this.#card?.sharpen();
  }

  nextMode() {
    const offered = MODES.filter(([mode]) => mode !== "lock" || this.root.hasAttribute("data-locks"));
    const place = offered.findIndex(([mode]) => mode === this.#mode);
    const [mode, words] = offered[(place + 1) % offered.length];
    this.setMode(mode);
    announce(words);
  }

  setBack(back) {
    this.#back = back;
    this.root.dataset.back = back;
    remember("back", back);
  }

  nextBack() {
    this.setBack(BACKS[(BACKS.indexOf(this.#back) + 1) % BACKS.length]);
    announce(`Background ${this.#back}`);
  }

  /** Show the raw photo in place of its pictures while a key or button is held down. */
  blink(on) {
    this.root.toggleAttribute("data-blink", on);
    this.blinkButton.setAttribute("aria-pressed", String(on));
  }

  /** Convert the wipe's position in the frame to the zoomed photo. */
  #placeWipe() {
    const { scale, x } = this.#zoom;
    const at = Number(this.wipe.value) / 100;
    this.root.style.setProperty("--wipe", `${at * 100}%`);
    this.root.style.setProperty("--wipe-edge", `${clamp(x + (at - x) / scale) * 100}%`);
  }

  moveWipeTo(percent) {
    this.wipe.value = percent;
    this.#placeWipe();
  }

  // -- zoom --------------------------------------------------------------------------------------------

  /** Zoom to `scale`; the point (x, y) of the frame, 0 to 1, stays in place. */
  zoomTo(scale, x = 0.5, y = 0.5) {
    const before = this.#zoom;
    const next = Math.min(MAX_ZOOM, Math.max(1, scale));
    if (next === 1) this.#zoom = { scale: 1, x: 0.5, y: 0.5 };
    else
      this.#zoom = {
        scale: next,
        x: keep(x, before.x, before.scale, next),
        y: keep(y, before.y, before.scale, next),
      };
    this.#applyZoom();
    if (next > 1) this.#card?.sharpen();
  }

  zoomBy(factor, x, y) {
    this.zoomTo(this.#zoom.scale * factor, x, y);
  }

  /** Toggle between the whole picture and full size. */
  toggleZoom(x, y) {
    if (this.isZoomed) this.zoomTo(1);
    else this.zoomTo(this.#fullSizeScale(), x, y);
    announce(this.isZoomed ? `Zoomed to ${Math.round(this.#zoom.scale * 10) / 10} times` : "Whole picture");
  }

  pan(dx, dy) {
    this.#zoom.x = clamp(this.#zoom.x + dx);
    this.#zoom.y = clamp(this.#zoom.y + dy);
    this.#applyZoom();
  }

  /** Pan by a drag over `view`, in pixels. */
  drag(view, dx, dy) {
    const reach = this.#zoom.scale - 1;
    if (reach > 0) this.pan(-dx / (view.clientWidth * reach), -dy / (view.clientHeight * reach));
  }

  panStep(dx, dy) {
    this.pan(dx * PAN_STEP, dy * PAN_STEP);
  }

  #fullSizeScale() {
    const picture = this.#card?.product.images[this.#card.selected];
    const view = this.#card?.pictures[this.#card.selected]?.querySelector(".view");
    if (!picture?.width || !view) return 2;
    const shown = Math.min(view.clientWidth, (view.clientHeight * picture.width) / picture.height);
    return Math.max(2, picture.width / (shown * devicePixelRatio));
  }

  #applyZoom() {
    const { scale, x, y } = this.#zoom;
    this.root.style.setProperty("--zoom", scale);
    this.root.style.setProperty("--x", `${x * 100}%`);
    this.root.style.setProperty("--y", `${y * 100}%`);
    this.root.toggleAttribute("data-zoomed", scale > 1);
    this.zoomButton.setAttribute("aria-pressed", String(scale > 1));
    this.#placeWipe();
  }

  // -- layout ------------------------------------------------------------------------------------------

  /** Set the size of the square views in the current mode. */
  #fit() {
    // The size is cached: reading it again would cause a second layout.
    const count = this.#card?.pictures.length ?? 3;
    const { columns, side, strip } = PAIRS.includes(this.#mode)
      ? pairLayout(this.#size, count)
      : tileLayout(this.#size, count + 1);
    this.root.style.setProperty("--strip", strip ? `${Math.floor(strip)}px` : "");
    this.root.style.setProperty("--columns", columns);
    this.#side = Math.max(120, Math.floor(side));
    this.root.style.setProperty("--side", `${this.#side}px`);
    this.#card?.fit(this.sizes);
  }

  #drawModes() {
    const one = ([mode, words, picture]) => {
      const onclick = press(() => this.setMode(mode));
      const props = { type: "button", data: { mode }, title: words, onclick };
      return h("button", props, icon(picture), h("span", {}, words));
    };
    const props = { class: "segments", role: "group", "aria-label": "Compare as" };
    return h("div", props, MODES.map(one));
  }

  #drawTools() {
    this.modes = this.#drawModes();
    this.blinkButton = button("Raw", {
      icon: "blink",
      key: "Space",
      kind: "tool",
      title: "Hold to see the raw photo in place",
      "aria-pressed": "false",
      "aria-keyshortcuts": "Space",
    });
    this.zoomButton = button("Zoom", {
      icon: "zoom",
      key: "Z",
      kind: "tool",
      "aria-pressed": "false",
      onclick: press(() => this.toggleZoom()),
    });
    const back = button("Background", {
      icon: "back",
      key: "B",
      kind: "tool",
      title: "Around the pictures",
      onclick: press(() => this.nextBack()),
    });
    $("tools").append(
      h("div", { class: "tool-group" }, this.modes, key("V")),
      h("div", { class: "tool-group" }, this.blinkButton, this.zoomButton, back),
    );
  }

  #listenToRaw() {
    const hold = (on) => () => this.blink(on);
    this.blinkButton.addEventListener("pointerdown", hold(true));
    for (const event of ["pointerup", "pointercancel", "pointerleave", "blur"])
      this.blinkButton.addEventListener(event, hold(false));
    this.blinkButton.addEventListener(
      "click",
      (event) => event.detail === 0 && this.blink(!this.root.hasAttribute("data-blink")),
    );
    this.blinkButton.addEventListener("pointerup", (event) => event.currentTarget.blur());
  }
}

const clamp = (value) => Math.min(1, Math.max(0, value));

/** The origin that keeps the point `at` where it is when the scale changes. */
function keep(at, origin, before, after) {
  const content = origin + (at - origin) / before;
  return clamp((content * after - at) / (after - 1));
}
