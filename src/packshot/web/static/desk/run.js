// The current run: how fast products are made, and when the last one will be.

import { duration, many } from "./words.js";

/** "12 products a minute"; the pace is null while a run is too short to say. */
export const paceWords = (pace) =>
  `${many(pace < 10 ? Math.round(pace * 10) / 10 : Math.round(pace), "product")} a minute`;

/** The waiting products whose pictures can be made now; batch jobs end when Google ends them. */
export const toMake = ({ shop, batched }) => (shop.pending ?? 0) - batched;

/** How long they will take at the current pace. */
export const endWords = (state) => `${duration((toMake(state) / state.pace) * 60)} to go`;
