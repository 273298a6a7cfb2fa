// The upload page: files are chosen, the plan is shown and changed, everything is sent, progress follows.

import { Away, isExpected, Problem } from "../api.js";
import { announce, button, h, icon } from "../dom.js";
import { FIELDS } from "../facts.js";
import { at } from "../place.js";
import { toast } from "../toast.js";
import { count, labelWithUnit, many } from "../words.js";
import { Chosen } from "./chosen.js";
import { dropZone } from "./drop.js";
import { changing, correctSkus, existingLine, skippedLine } from "./existing.js";
import { KnownPhotos } from "./known.js";
import { LaneChoice } from "./lane.js";
import { folded } from "./lists.js";
import { mappingForm, patternField } from "./mapping.js";
import { askPlan, badPhotos, makable, newChoices, toMake, toSkip } from "./plan.js";
import { leftBehind, preview, skipWords } from "./preview.js";
import { Progress } from "./progress.js";
import { Sending } from "./sending.js";

/** The fields that can be given for all products without their own value. */
const WITH_DEFAULT = new Set(["category", "mrp", "price", "gst"]);

/** How many photos are checked between two messages. */
const SHOWN_EVERY = 10;
const lookedWords = (done, total) => `Checking the photos: ${count(done)} of ${count(total)}`;

export class UploadPage {
  #place;
  #data;
  #chosen = new Chosen();
  #choices = newChoices();
  #knownPhotos = new KnownPhotos();
  #sending = new Sending();
  #plan = null;
  #asked = 0;
  #planning = null;
  #busy = false;
  /** Product id -> how it was corrected, by every attempt to send. */
  #updated = new Map();
  #drop;
  #lanes;
  #form = h("form", { class: "upload-form", hidden: true, novalidate: true });
  #defaults = h("div", { class: "default-fields" });
  #body = h("div", { class: "upload-form" });
  #looked = h("p", { class: "hint", role: "status" });

  constructor(place, data) {
    this.#place = place;
    this.#data = data;
    this.#lanes = new LaneChoice(data.lanes);
    this.#drop = dropZone(
      data.endings,
      (files) => this.#take(files),
      () => !this.#busy,
    );
  }

  start() {
    this.#defaults.append(
      ...FIELDS.filter(({ name }) => WITH_DEFAULT.has(name)).map((field) => this.#defaultField(field)),
    );
    const legend = h("legend", {}, "Where none is given");
    this.#form.append(h("fieldset", { class: "defaults" }, legend, this.#defaults), this.#body);
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    addEventListener("beforeunload", (event) => !this.#chosen.isEmpty && event.preventDefault());
    this.#place.append(this.#drop, this.#form);
  }

  #defaultField({ name, ...field }) {
    const input = h("input", {
      type: "text",
      name: `default-${name}`,
      inputmode: field.kind === "text" ? "text" : "decimal",
      value: this.#choices.defaults[name] ?? "",
      placeholder: name === "category" ? "" : "optional",
      autocomplete: "off",
      onchange: () => {
        this.#choices.defaults[name] = input.value.trim();
        this.#replan();
      },
    });
    return h("label", { class: "field" }, h("span", {}, labelWithUnit(field)), input);
  }

  // -- the chosen files, and their plan --------------------------------------------------------------

  async #take(files) {
    const sheet = this.#chosen.sheet;
    await this.#chosen.add(files);
    if (this.#chosen.sheet !== sheet)
      Object.assign(this.#choices, { mapping: {}, conventions: {}, assigned: {} });
    await this.#replan();
  }

  /** Request the plan again. Sending waits for it: the click on Send may also end the editing of a field. */
  #replan() {
    this.#planning = this.#askAgain();
    return this.#planning;
  }

  /** Of several answers only the newest counts. */
  async #askAgain() {
    if (this.#chosen.isEmpty) return;
    const asked = ++this.#asked;
    this.#form.hidden = false;
    this.#drop.toggleAttribute("data-small", true);
    this.#form.setAttribute("aria-busy", "true");
    try {
      const plan = await askPlan(this.#chosen, this.#choices);
      if (asked !== this.#asked) return;
      this.#draw(plan);
      this.#look();
    } catch (error) {
      if (!isExpected(error)) throw error;
      if (asked === this.#asked) this.#drawRefusal(error);
    } finally {
      if (asked === this.#asked) this.#form.removeAttribute("aria-busy");
    }
  }

  /** Check the photos, and draw the plan again if some can't be used. */
  async #look() {
    const known = this.#chosen.faults.size;
    await this.#chosen.check((done, total) => {
      if (done && done % SHOWN_EVERY === 0) this.#looked.textContent = lookedWords(done, total);
    });
    this.#looked.textContent = "";
    if (this.#chosen.faults.size > known && this.#plan && !this.#busy) this.#draw(this.#plan);
    await this.#findKnown(this.#plan);
  }

  /** Draw the plan again if photos of it have products already. Where the server doesn't say, sending asks again. */
  async #findKnown(plan) {
    if (!plan) return;
    const rows = makable(plan, this.#chosen.faults);
    const found = await this.#knownPhotos.find(rows, this.#chosen.photos).catch((error) => {
      if (!isExpected(error)) throw error;
      return new Map();
    });
    plan.known = new Map([...found].map(([row, one]) => [row.photo, one]));
    if (plan.known.size && plan === this.#plan && !this.#busy) this.#draw(plan);
  }

  #draw(plan) {
    this.#plan = plan;
    const change = () => this.#replan();
    const made = toMake(plan, this.#chosen.faults, this.#choices).length;
    const skipped = toSkip(plan, this.#chosen.faults, this.#choices).length;
    this.#body.replaceChildren(
      ...[
        mappingForm(plan, this.#choices, change),
        patternField(plan, this.#choices, change),
        this.#lanes.element,
        this.#actions(made, skipped),
        this.#looked,
        ...preview(plan, this.#chosen, this.#choices, change),
      ].filter(Boolean),
    );
    const skips = skipped ? `, ${count(skipped)} ${skipWords(skipped)}` : "";
    announce(`${many(made, "product")} would be created${skips}`);
  }

  /** The spreadsheet or a choice can't be used: show why, and let the user change it. */
  #drawRefusal(error) {
    this.#plan = null;
    const again = button("Try again", { onclick: () => this.#replan() });
    const words = h(
      "p",
      { class: "row-error", role: "alert" },
      icon("warning"),
      h("span", {}, error.message),
    );
    const undo = () => {
      this.#choices = { ...newChoices(), defaults: this.#choices.defaults };
      this.#replan();
    };
    const undoing = button("Undo my changes", { onclick: undo });
    this.#body.replaceChildren(
      words,
      h("div", { class: "form-actions" }, again, undoing, this.#clearButton()),
    );
  }

  /** The buttons for `made` products; `skipped` ones exist already. */
  #actions(made, skipped) {
    this.#lanes.show(made);
    const updates = this.#choices.update ? changing(this.#plan.existing).length : 0;
    const submit = h(
      "button",
      { type: "submit", class: "button primary", disabled: !made && !updates },
      icon("upload"),
      h("span", {}, this.#submitWords(made, skipped, updates)),
    );
    return h("div", { class: "form-actions import-actions" }, this.#ticks(), this.#clearButton(), submit);
  }

  #submitWords(made, skipped, updates) {
    const update = many(updates, "product");
    if (updates && !made) return `Update ${update}`;
    const all = many(made, skipped ? "new product" : "product");
    const others = badPhotos(this.#plan, this.#chosen.faults).length > 0;
    const products = others && !skipped ? `the other ${made === 1 ? "product" : all}` : all;
    return `Make pictures of ${products}${updates ? `, update ${update}` : ""}`;
  }

  #ticks() {
    const changes = changing(this.#plan.existing).length;
    const update = `Update ${many(changes, "existing product")} as the spreadsheet says; pictures stay`;
    const again = "Make photos again that have products already; they are skipped otherwise";
    const lock = "Put the photo's own pixels over the product, if measurements allow it";
    this.#choices.lock ??= this.#data.pixel_lock;
    return h(
      "div",
      { class: "ticks" },
      changes > 0 && this.#tick("update", update, () => this.#draw(this.#plan)),
      this.#tick("again", again, () => this.#draw(this.#plan)),
      this.#data.pixel_lock !== null && this.#tick("lock", lock),
    );
  }

  #tick(name, words, changed = () => {}) {
    const tick = h("input", {
      type: "checkbox",
      name,
      checked: this.#choices[name],
      onchange: () => {
        this.#choices[name] = tick.checked;
        changed();
      },
    });
    return h("label", { class: "tick" }, tick, h("span", {}, words));
  }

  #clearButton() {
    return button("Clear", { onclick: () => this.#clear() });
  }

  #clear() {
    this.#asked += 1;
    this.#chosen.clear();
    this.#form.hidden = true;
    this.#drop.toggleAttribute("data-small", false);
  }

  // -- sending -------------------------------------------------------------------------------------------

  async #send() {
    if (this.#busy || !this.#plan) return;
    this.#busy = true;
    this.#form.toggleAttribute("inert", true);
    try {
      await this.#planning;
      await this.#sendRows();
    } catch (error) {
      if (!isExpected(error)) throw error;
      const away = error instanceof Away || (error instanceof Problem && error.isTemporary);
      const words = away
        ? "Packshot can't be reached. What was uploaded is kept: try again."
        : `${error.message}.`;
      toast(words, { kind: "bad", stay: true });
      this.#body.querySelector(".import-sending")?.remove();
    } finally {
      this.#busy = false;
      this.#form.toggleAttribute("inert", false);
    }
  }

  /** Rows whose photo was refused in the first attempt are not sent in the second. */
  async #sendRows() {
    const rows = makable(this.#plan, this.#chosen.faults);
    const known = await this.#known(rows);
    const left = rows.filter((row) => !known.has(row));
    const refused = await this.#sending.uploadAll(left, this.#chosen.photos, this.#uploadBar(left));
    if (refused.length) return this.#drawRefused(refused);
    await this.#updateExisting();
    const made = await this.#sending.create(left, this.#choices.again, {
      lane: this.#lanes.value,
      pixel_lock: this.#choices.lock === this.#data.pixel_lock ? null : this.#choices.lock,
    });
    made.skipped.push(...[...known].map(([row, one]) => ({ row, known: one })));
    return this.#follow(made, [...this.#updated.values()]);
  }

  /** Sent again, a correction changes nothing: what it changed before is kept for the report. */
  async #updateExisting() {
    if (!this.#choices.update || !changing(this.#plan.existing).length) return;
    const found = [];
    try {
      await correctSkus(this.#plan.facts, false, found);
    } finally {
      for (const one of found) {
        const changes = changing([one]).length ? one.changes : this.#updated.get(one.product_id)?.changes;
        this.#updated.set(one.product_id, { ...one, changes: changes ?? {} });
      }
    }
  }

  /** The rows whose photos have products already, unless they are to be made again. */
  #known(rows) {
    if (this.#choices.again) return new Map();
    const show = this.#uploadBar(rows);
    return this.#knownPhotos.find(rows, this.#chosen.photos, (row) =>
      show(row, "Looking for photos that were made", 1),
    );
  }

  #uploadBar(rows) {
    const total = rows.filter((row) => row.photo).length;
    const bar = h("progress", { max: Math.max(1, total), value: 0, "aria-label": "Uploading" });
    const words = h("p", { class: "making-words" });
    this.#body.querySelector(".import-sending")?.remove();
    this.#body.prepend(h("section", { class: "making import-sending" }, words, bar));
    const parts = new Map();
    return (row, said, part) => {
      parts.set(row.photo, part);
      const done = [...parts.values()].filter((each) => each === 1).length;
      bar.value = [...parts.values()].reduce((sum, each) => sum + each, 0);
      words.textContent = `${said}: ${count(done)} of ${many(total, "photo")}`;
    };
  }

  #drawRefused(refused) {
    for (const { row, why } of refused) this.#chosen.faults.set(row.photo, why);
    this.#draw(this.#plan);
    const many_ = many(refused.length, "photo");
    toast(`${many_} can't be used; nothing was created yet. Continue without them, or choose others.`, {
      kind: "bad",
    });
  }

  #follow({ created, refused, skipped }, updated) {
    const notes = [
      folded("Updated", changing(updated), existingLine, { open: true, kind: "good" }),
      folded(
        "Not updated",
        updated.filter((one) => one.refused),
        existingLine,
        { open: true, kind: "bad" },
      ),
      folded(
        "Refused",
        refused,
        ({ row, why }) => refusedLine({ row: row.photo ?? row.fields.raw_image, why }),
        { open: true, kind: "bad" },
      ),
      folded("Skipped: they have products already", skipped, skippedLine, { open: !created.length }),
      ...leftBehind(this.#plan, this.#chosen, this.#choices),
    ].filter(Boolean);
    this.#chosen.clear();
    announce(createdWords(created.length, skipped.length));
    if (created.length) {
      const batches = [...new Set(created.map((product) => product.batch_id))];
      new Progress(batches).start(this.#place, created, notes);
    } else {
      this.#place.replaceChildren(...notes, h("a", { class: "button", href: at("/upload") }, "Upload more"));
    }
  }
}

function createdWords(created, skipped) {
  const skips = skipped ? `, ${count(skipped)} ${skipWords(skipped)}` : "";
  return `${many(created, "product")} created${skips}.${created ? " Their pictures are being made." : ""}`;
}

const refusedLine = ({ row, why }) => h("li", {}, h("strong", {}, row), h("span", {}, why));
