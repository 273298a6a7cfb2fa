// How much of the chosen photos is uploaded.

import { h } from "../dom.js";
import { count, many } from "../words.js";

/** Draw it at the top of `place`, in place of an earlier one; the result is called for each step of a row. */
export function uploadBar(place, rows) {
  const total = rows.filter((row) => row.photo).length;
  const bar = h("progress", { max: Math.max(1, total), value: 0, "aria-label": "Uploading" });
  const words = h("p", { class: "making-words" });
  place.querySelector(".import-sending")?.remove();
  place.prepend(h("section", { class: "making import-sending" }, words, bar));
  const parts = new Map();
  return (row, said, part) => {
    parts.set(row.photo, part);
    const done = [...parts.values()].filter((each) => each === 1).length;
    bar.value = [...parts.values()].reduce((sum, each) => sum + each, 0);
    words.textContent = `${said}: ${count(done)} of ${many(total, "photo")}`;
  };
}
