// The upload page: files are chosen, the plan is shown and changed, everything is sent, progress follows.

import { Away, isExpected, Problem } from "../api.js";
import { announce, button, h, icon } from "../dom.js";
import { toast } from "../toast.js";
import { count, ended, many } from "../words.js";
import { planActions } from "./actions.js";
import { Chosen } from "./chosen.js";
import { changing, correctSkus } from "./corrections.js";
import { defaultFields } from "./defaults.js";
import { dropZone } from "./drop.js";
import { KnownPhotos } from "./known.js";
import { LaneChoice } from "./lane.js";
import { mappingForm, patternField, skuQuestion } from "./mapping.js";
import { askPlan, LEAVE, makable, newChoices, REPLACE, toMake, toSkip } from "./plan.js";
import { leftovers, preview, skipWords } from "./preview.js";
import { showResult } from "./progress.js";
import { createdWords, shownOf } from "./report.js";
import { Sending } from "./sending.js";
import { uploadBar } from "./upload_bar.js";

/** How many photos are checked between two messages. */
const SHOWN_EVERY = 10;
const checkingWords = (done, total) => `Checking the photos: ${count(done)} of ${count(total)}`;

const refusal = ({ message }) =>
  h("p", { class: "row-error", role: "alert" }, icon("warning"), h("span", {}, message));

const byPhoto = (found) => new Map([...found].map(([row, one]) => [row.photo, one]));

function whyNotSent(error) {
  const away = error instanceof Away || (error instanceof Problem && error.isTemporary);
  return away ? "Packshot can't be reached. What was uploaded is kept: try again." : ended(error.message);
}

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
  #body = h("div", { class: "upload-form" });
  #checking = h("p", { class: "hint", role: "status" });

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
    this.#form.append(
      defaultFields(this.#choices.defaults, () => this.#replan()),
      this.#body,
    );
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    addEventListener("beforeunload", (event) => !this.#chosen.isEmpty && event.preventDefault());
    this.#place.append(this.#drop, this.#form);
  }

  // -- the chosen files, and their plan --------------------------------------------------------------

  async #take(files) {
    const sheet = this.#chosen.sheet;
    if (!this.#plan) this.#showReading();
    await this.#chosen.add(files);
    if (this.#chosen.sheet !== sheet)
      Object.assign(this.#choices, { mapping: {}, conventions: {}, assigned: {}, withoutSku: false });
    await this.#replan();
  }

  /** A large folder or spreadsheet takes seconds. */
  #showReading() {
    this.#form.hidden = false;
    this.#drop.toggleAttribute("data-small", true);
    this.#body.replaceChildren(h("p", { class: "hint", role: "status" }, "Reading the files…"));
  }

  /** Request the plan again. Sending waits for it: the click on Send may also end the editing of a field. */
  #replan() {
    this.#planning = this.#askAgain();
    return this.#planning;
  }

  /** Of several answers only the newest counts. */
  async #askAgain() {
    if (this.#chosen.isEmpty) return this.#clear();
    const asked = ++this.#asked;
    this.#form.setAttribute("aria-busy", "true");
    try {
      const plan = await askPlan(this.#chosen, this.#choices);
      if (asked !== this.#asked) return;
      this.#draw(plan);
      this.#check();
    } catch (error) {
      if (!isExpected(error)) throw error;
      if (asked === this.#asked) this.#drawRefusal(error);
    } finally {
      if (asked === this.#asked) this.#form.removeAttribute("aria-busy");
    }
  }

  /** Check the photos, and draw the plan again if some can't be used. */
  async #check() {
    const known = this.#chosen.unusable.size;
    await this.#chosen.check((done, total) => {
      if (done && done % SHOWN_EVERY === 0) this.#checking.textContent = checkingWords(done, total);
    });
    this.#checking.textContent = "";
    if (this.#chosen.unusable.size > known && this.#plan && !this.#busy) this.#draw(this.#plan);
    await this.#findKnown(this.#plan);
  }

  /** Draw the plan again if photos of it have products already. Where the server doesn't say, sending asks again. */
  async #findKnown(plan) {
    if (!plan) return;
    const rows = makable(plan, this.#chosen.unusable);
    const found = await this.#knownPhotos.find(rows, this.#chosen.photos).catch((error) => {
      if (!isExpected(error)) throw error;
      return {};
    });
    for (const [kind, rows] of Object.entries(found)) plan[kind] = byPhoto(rows);
    const some = Object.values(found).some((rows) => rows.size);
    if (some && plan === this.#plan && !this.#busy) this.#draw(plan);
  }

  #draw(plan) {
    this.#plan = plan;
    const change = () => this.#replan();
    const { unusable } = this.#chosen;
    const made = toMake(plan, unusable, this.#choices).length;
    const skipped = toSkip(plan, unusable, this.#choices).length;
    const lock = this.#data.pixel_lock;
    const [clear, redraw] = [this.#clearButton(), () => this.#draw(plan)];
    this.#lanes.show(made);
    this.#body.replaceChildren(
      ...[
        skuQuestion(plan),
        mappingForm(plan, this.#choices, change),
        patternField(plan, this.#choices, change),
        this.#lanes.element,
        planActions({ plan, choices: this.#choices, unusable, made, skipped, lock }, clear, redraw),
        this.#checking,
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
    const undo = () => {
      this.#choices = { ...newChoices(), defaults: this.#choices.defaults };
      this.#replan();
    };
    const undoing = button("Undo my changes", { onclick: undo });
    this.#body.replaceChildren(
      refusal(error),
      h("div", { class: "form-actions" }, again, undoing, this.#clearButton()),
    );
  }

  #clearButton() {
    return button("Clear", { onclick: () => this.#clear() });
  }

  #clear() {
    this.#asked += 1;
    this.#plan = null;
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
      toast(whyNotSent(error), { kind: "bad", stay: true });
      if (this.#plan) this.#draw(this.#plan);
    } finally {
      this.#busy = false;
      this.#form.toggleAttribute("inert", false);
    }
  }

  /** A photo that the server refuses stops no other: the result names it. */
  async #sendRows() {
    const rows = makable(this.#plan, this.#chosen.unusable);
    const { known, sameView } = await this.#find(rows);
    this.#plan.sameView = byPhoto(sameView);
    const { sameView: choice } = this.#choices;
    const isLeft = (row) => choice === LEAVE && sameView.has(row);
    const left = rows.filter((row) => !known.has(row) && !isLeft(row));
    const refused = await this.#sending.uploadAll(left, this.#chosen.photos, uploadBar(this.#body, left));
    for (const { row, why } of refused) this.#chosen.unusable.set(row.photo, why);
    const usable = left.filter((row) => !this.#chosen.unusable.has(row.photo));
    if (left.length && !usable.length && !this.#hasUpdates) return this.#drawRefused(refused.length);
    const isReplacing = (row) => choice === REPLACE && sameView.has(row);
    const pairs = usable.filter(isReplacing).map((row) => ({ row, same: sameView.get(row) }));
    const { replaced, refused: notReplaced } = await this.#sending.replace(pairs);
    await this.#updateExisting();
    const created = usable.filter((row) => !isReplacing(row));
    const made = await this.#sending.create(created, this.#choices.again, {
      lane: this.#lanes.value,
      pixel_lock: this.#choices.lock === this.#data.pixel_lock ? null : this.#choices.lock,
    });
    made.skipped.push(...[...known].map(([row, one]) => ({ row, known: one })));
    made.refused.push(...notReplaced);
    return this.#follow({ ...made, replaced }, [...this.#updated.values()]);
  }

  get #hasUpdates() {
    return this.#choices.update && changing(this.#plan.existing).length > 0;
  }

  /** Sent again, a correction changes nothing: what it changed before is kept for the report. */
  async #updateExisting() {
    if (!this.#hasUpdates) return;
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

  /** What products have of these rows: their photo, unless it is made again, or another of their SKU and view. */
  async #find(rows) {
    const show = uploadBar(this.#body, rows);
    const found = await this.#knownPhotos.find(rows, this.#chosen.photos, (row) =>
      show(row, "Looking for photos that were made", 1),
    );
    return this.#choices.again ? { ...found, known: new Map() } : found;
  }

  /** Nothing is left to create: other photos can be chosen here. */
  #drawRefused(refused) {
    this.#draw(this.#plan);
    const words = `${many(refused, "photo")} can't be used, and nothing was created: choose others.`;
    toast(words, { kind: "bad" });
  }

  #follow({ created, ...rest }, updated) {
    const made = { ...shownOf(rest), updated, created: created.length };
    const left = leftovers(this.#plan, this.#chosen, this.#choices);
    this.#chosen.clear();
    scrollTo({ top: 0, behavior: "instant" }); // the result begins above what was chosen
    announce(createdWords(created.length, made.skipped.length));
    showResult(this.#place, created, { made, left });
  }
}
