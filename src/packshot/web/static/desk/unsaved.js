// The button that counts unsaved decisions, and the list that it opens.

import { ask } from "./dialog.js";
import { $, announce, h } from "./dom.js";
import { outbox } from "./outbox.js";
import { at } from "./place.js";
import { count, many, sentence } from "./words.js";

export class UnsavedButton {
  /** How many decisions were announced as stuck. */
  #announced = 0;

  constructor() {
    $("saving").addEventListener("click", showUnsaved);
    outbox.addEventListener("change", () => this.#show());
  }

  #show() {
    const { size, stuck } = outbox;
    $("saving").hidden = size === 0;
    $("saving").toggleAttribute("data-stuck", stuck > 0);
    $("saving").textContent = stuck ? `${count(stuck)} not saved` : `Saving ${count(size)}`;
    if (stuck > this.#announced) announce(`${many(stuck, "decision")} can't be saved yet`);
    this.#announced = stuck;
  }
}

/** Show the unsaved decisions, and why they are not saved. */
async function showUnsaved() {
  const again = await ask({
    title: `${many(outbox.size, "decision")} not saved yet`,
    body: [
      h("p", { class: "hint" }, "Kept in this tab and sent again automatically. You can continue."),
      h("ul", { class: "unsaved", tabindex: "0", "aria-label": "Not saved yet" }, outbox.jobs.map(unsaved)),
    ],
    yes: "Try now",
    no: "Close",
  });
  if (again) outbox.tryNow();
}

function unsaved(job) {
  return h(
    "li",
    {},
    h("a", { href: at(`/products/${job.product}`), target: "_blank" }, job.name ?? `Product ${job.product}`),
    h("span", {}, job.words),
    job.lastError && h("p", {}, sentence(job.lastError), ` Tried ${many(job.failures, "time")}.`),
  );
}
