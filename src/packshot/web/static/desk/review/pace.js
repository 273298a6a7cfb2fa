// How fast the reviewer decides.

const OVER = 30;
const FEWEST = 5;

export class Pace {
  #moments = [];

  /** A product was decided now. */
  note() {
    this.#moments.push(performance.now());
    if (this.#moments.length > OVER) this.#moments.shift();
  }

  /** Products a minute over the last decisions; 0 while they are too few to say. */
  get perMinute() {
    const first = this.#moments[0];
    const n = this.#moments.length;
    return n < FEWEST ? 0 : ((n - 1) * 60_000) / (this.#moments.at(-1) - first);
  }
}
