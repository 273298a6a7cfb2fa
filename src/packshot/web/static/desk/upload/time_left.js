// Estimates how long the rest will take, from the pace of the last minutes.

const WINDOW_MS = 180_000;
/** Pictures made before a pace is known: those of the first products, which also start the worker. */
const FEWEST = 6;

export class TimeLeft {
  #seen = [];

  /** Note how many pictures are made by now. */
  note(made, now = Date.now()) {
    this.#seen.push({ made, now });
    while (this.#seen.length > 2 && now - this.#seen[1].now > WINDOW_MS) this.#seen.shift();
  }

  /** Seconds until `left` more are made; null while the pace is not known. */
  seconds(left) {
    const first = this.#seen[0];
    const last = this.#seen.at(-1);
    if (!first || last.made - first.made < FEWEST) return null;
    return (left * (last.now - first.now)) / (last.made - first.made) / 1000;
  }
}
