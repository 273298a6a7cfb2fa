// Which decisions this tab made: undo takes back these only, also after a reload. Another tab or a program
// may decide under the same name.

import { tabRecall, tabRemember } from "./memory.js";
import { outbox } from "./outbox.js";

const MOST = 100;

export class OwnDecisions {
  #place;

  constructor(caller) {
    this.#place = `decided.${caller}`;
    outbox.addEventListener("saved", ({ detail: { job, product } }) =>
      job.status === "pending" ? this.#forget(product) : this.note(product),
    );
  }

  get #noted() {
    return tabRecall(this.#place) ?? [];
  }

  /** Remember how this tab decided on a product. */
  note({ id, images }) {
    const statuses = Object.fromEntries(images.map((image) => [image.id, image.status]));
    this.#forget({ id });
    tabRemember(this.#place, [...this.#noted, { id, statuses }].slice(-MOST));
  }

  /** Its decision was undone. */
  #forget({ id }) {
    tabRemember(
      this.#place,
      this.#noted.filter((each) => each.id !== id),
    );
  }

  /** Those of the server's decisions that this tab made, in their order. */
  among(decisions) {
    const noted = new Map(this.#noted.map(({ id, statuses }) => [id, statuses]));
    return decisions.filter(({ product, pictures }) =>
      pictures.every(({ id, status }) => noted.get(product.id)?.[id] === status),
    );
  }
}
