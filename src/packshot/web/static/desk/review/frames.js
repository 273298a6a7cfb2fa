// One product as frames: its raw photo and its pictures, built and decoded before they are shown.

import { LARGE, SMALL } from "../constants.js";
import { h, icon } from "../dom.js";
import { doubtOf, keepable, samePictures } from "../doubt.js";
import { changeMap, marks, remakeBadge, verdictBadge } from "../fidelity.js";
import { address, image, rawPicture, showOriginal } from "../picture_image.js";
import { lockMask } from "../pixel_lock.js";
import { numberOf, pictureTitle } from "../words.js";
import { align, overlay, unaligned } from "./overlay.js";

/** Thumbs that fit into the strip of every screen. */
const FITTING = 3;

/**
 * The frames of one product. `sizes` are `{side, others}` in CSS pixels: of the raw photo and the selected
 * picture, and of the other pictures. Its buttons call `on.pick(i)`, `on.keep(i)`.
 */
export class Card {
  constructor(product, sizes, on) {
    this.product = product;
    this.sizes = sizes;
    this.pictures = product.images.map((picture, index) => this.#frame(picture, index, on));
    this.rawFrame = this.#rawFrame();
    this.thumbs = product.images.map((picture, index) => thumb(picture, index, on));
    this.strip = h("div", { class: "strip", role: "group", "aria-label": "Pictures" }, this.thumbs);
    this.element = h(
      "div",
      { class: "card" },
      h("div", { class: "frames" }, this.rawFrame, this.pictures),
      this.thumbs.length > 1 && this.strip,
    );
    this.pictures.forEach((_, index) => {
      this.#showCheck(index);
    });
    this.rawFrame.querySelector("img")?.addEventListener("load", () => this.#markRaw());
    this.select(0);
    this.#keep(keepable(product));
  }

  /** Update to a newer state of the same pictures; false when it has others, not yet seen here. */
  take(product) {
    const before = this.product.images;
    if (!samePictures(this.product, product)) return false;
    const changed = (name) => product.images.some((picture, place) => picture[name] !== before[place][name]);
    const decided = changed("status");
    const doubted = product.images.filter((picture, place) => doubtOf(picture) && !doubtOf(before[place]));
    this.product = product;
    product.images.forEach((_, index) => {
      this.#showCheck(index);
    });
    if (decided) this.#keep(keepable(product));
    else if (doubted.length) this.#keep(this.keptIds.filter((id) => doubted.every((each) => each.id !== id)));
    this.#markRaw();
    return true;
  }

  #rawFrame() {
    const alt = `${subjectOf(this.product)}, raw photo`;
    return h(
      "figure",
      { class: "frame raw" },
      h(
        "div",
        { class: "view" },
        image(rawPicture(this.product), LARGE, alt, {
          class: "picture",
          decoding: "sync",
          fits: this.sizes.side,
        }),
      ),
      h("figcaption", {}, h("span", { class: "tag" }, "Raw photo")),
    );
  }

  #frame(picture, index, on) {
    const fits = index === 0 ? this.sizes.side : this.sizes.others; // the first one is selected
    return h(
      "figure",
      { class: "frame", data: { variant: index } },
      h(
        "div",
        { class: "view" },
        image(picture, LARGE, `${subjectOf(this.product)}, enhanced: ${pictureTitle(picture)}`, {
          class: "picture",
          decoding: "sync",
          fits,
        }),
        overlay(this.product, fits),
        h("span", { class: "left-out" }),
      ),
      h(
        "figcaption",
        {},
        h(
          "button",
          { type: "button", class: "pick", onclick: () => on.pick(index) },
          h("span", { class: "number" }, String(numberOf(picture))),
          h("span", { class: "title" }, pictureTitle(picture)),
        ),
        h("span", { class: "checks" }),
        h(
          "button",
          { type: "button", class: "keep", "aria-pressed": "true", onclick: () => on.keep(index) },
          icon("check"),
          h("span", { class: "unseen" }, `Keep picture ${numberOf(picture)}`),
        ),
      ),
    );
  }

  /** Show what is known by now: the sign of a doubt, the verdict and the change map. */
  #showCheck(index) {
    const picture = this.product.images[index];
    const frame = this.pictures[index];
    frame
      .querySelector(".checks")
      .replaceChildren(
        ...[doubtMark(picture), verdictBadge(picture), remakeBadge(picture), unaligned(picture)].filter(
          Boolean,
        ),
      );
    for (const old of frame.querySelectorAll(".changes, .locked, .marks")) old.remove();
    const found = [changeMap(picture), lockMask(picture), marks(picture, "enhanced", picture)].filter(
      Boolean,
    );
    frame.querySelector(".left-out").before(...found);
    align(frame, picture);
    const thumb = this.thumbs[index];
    thumb.querySelector(".warned")?.remove();
    if (doubtOf(picture))
      thumb.append(h("span", { class: "warned", "aria-hidden": "true" }, icon("warning")));
    thumb.setAttribute("aria-label", thumbLabel(picture));
  }

  /** Mark the places of the selected picture's reasons on the raw photo. */
  #markRaw() {
    const view = this.rawFrame.querySelector(".view");
    const photo = view.querySelector("img");
    view.querySelector(".marks")?.remove();
    if (!photo?.naturalWidth) return;
    const size = { width: photo.naturalWidth, height: photo.naturalHeight };
    view.append(marks(this.product.images[this.selected], "raw", size));
  }

  /** Show which picture the keys apply to. */
  select(index) {
    this.selected = index;
    this.#markRaw();
    resize(this.pictures[index], this.sizes.side);
    this.pictures.forEach((frame, place) => {
      frame.toggleAttribute("data-selected", place === index);
      frame.querySelector(".pick").setAttribute("aria-pressed", String(place === index));
    });
    this.thumbs.forEach((element, place) => {
      element.setAttribute("aria-pressed", String(place === index));
    });
    if (this.thumbs.length > FITTING) this.#scrollStripTo(this.thumbs[index]);
  }

  /** Bring a thumb into view, without moving the page. */
  #scrollStripTo(thumb) {
    this.strip.scrollLeft = thumb.offsetLeft + (thumb.offsetWidth - this.strip.clientWidth) / 2;
  }

  /** Include a picture in the approval, or exclude it. */
  toggle(index) {
    const id = this.product.images[index].id;
    if (!this.kept.delete(id)) this.kept.add(id);
    this.#mark(index);
    return this.kept.has(id);
  }

  #keep(ids) {
    this.kept = new Set(ids);
    this.pictures.forEach((_, index) => {
      this.#mark(index);
    });
  }

  /** Show whether a picture is included, and if not, why. */
  #mark(index) {
    const picture = this.product.images[index];
    const out = !this.kept.has(picture.id);
    for (const element of [this.pictures[index], this.thumbs[index]])
      element.toggleAttribute("data-out", out);
    const frame = this.pictures[index];
    frame.querySelector(".keep").setAttribute("aria-pressed", String(!out));
    frame.querySelector(".left-out").textContent = whyOut(picture);
  }

  get keptIds() {
    return this.product.images.filter((picture) => this.kept.has(picture.id)).map((picture) => picture.id);
  }

  /** Decode everything, so that showing it paints at once. Resolves even when a picture fails. */
  ready() {
    this.decoded ??= Promise.allSettled(
      [...this.element.querySelectorAll("img:not(.changes, .locked)")].map((element) => element.decode()),
    );
    return this.decoded;
  }

  /** Which of these pictures could not be loaded: their numbers. */
  lost(ids) {
    const places = this.product.images.map((picture, place) => (ids.includes(picture.id) ? place : -1));
    const isLost = (place) => this.pictures[place]?.querySelector(":scope > .view > [data-lost]");
    return places.filter(isLost).map((place) => numberOf(this.product.images[place]));
  }

  /** Load again what could not be loaded; returns whether there was something. */
  retry() {
    const lost = [...this.element.querySelectorAll("[data-lost]")];
    for (const element of lost) element.dispatchEvent(new Event("retry"));
    if (lost.length) this.decoded = null;
    return lost.length > 0;
  }

  /** Fit views of another size: larger ones may need larger previews. */
  fit(sizes) {
    if (sizes.side === this.sizes.side && sizes.others === this.sizes.others) return;
    this.sizes = sizes;
    this.decoded = null;
    resize(this.rawFrame, sizes.side);
    this.pictures.forEach((frame, place) => {
      resize(frame, place === this.selected ? sizes.side : sizes.others);
    });
  }

  /** Replace the previews by the originals; only zooming needs them. */
  sharpen() {
    this.#sharpen(this.rawFrame.querySelector(".picture"), rawPicture(this.product));
    this.pictures.forEach((frame, index) => {
      if (frame.offsetParent === null) return;
      this.#sharpen(frame.querySelector(".picture"), this.product.images[index]);
      this.#sharpen(frame.querySelector(".over img"), rawPicture(this.product));
    });
  }

  async #sharpen(element, picture) {
    const url = address(picture, "original");
    if (!(element instanceof HTMLImageElement) || !url || element.getAttribute("src") === url) return;
    const sharp = new Image();
    sharp.src = url;
    try {
      await sharp.decode();
      showOriginal(element, url);
    } catch {
      // The preview stays.
    }
  }
}

/** Use the preview that is large enough for `side` CSS pixels in a frame. */
function resize(frame, side) {
  for (const element of frame?.querySelectorAll("img[srcset]") ?? []) {
    const enlarged = Number(element.closest(".over")?.dataset.enlarged ?? 1);
    element.sizes = `${Math.ceil(side * enlarged)}px`;
  }
}

/** Why a picture is excluded, shown when it is. */
function whyOut(picture) {
  if (picture.status === "rejected") return "Rejected before";
  if (["warn", "fail", "not_comparable"].includes(picture.fidelity?.verdict))
    return "Left out: check the product";
  return doubtOf(picture) ? "Left out: has a warning" : "Left out";
}

/** The mark of a doubtful picture with its reason; nothing for others. */
function doubtMark(picture) {
  const doubt = doubtOf(picture);
  if (!doubt) return null;
  return h(
    "span",
    { class: "warned", title: doubt },
    icon("warning"),
    h("span", { class: "unseen" }, `Warning: ${doubt}`),
  );
}

/** What a picture shows, for those who can't see it. */
const subjectOf = ({ name, sku, category }) => name ?? sku ?? category;

const thumbLabel = (picture) =>
  `Picture ${numberOf(picture)}: ${pictureTitle(picture)}${doubtOf(picture) ? ", has a warning" : ""}`;

function thumb(picture, index, on) {
  return h(
    "button",
    {
      type: "button",
      class: "thumb",
      onclick: () => on.pick(index),
      "aria-label": thumbLabel(picture),
    },
    image(picture, SMALL, ""),
    h("span", { class: "thumb-number", "aria-hidden": "true" }, String(numberOf(picture))),
  );
}
