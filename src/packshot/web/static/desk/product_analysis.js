// What the enhancer read off the photo, in words.

import { h } from "./dom.js";

/** The analysis of a round, folded; null where there is nothing to read. */
export function analysis(found) {
  const lines = Object.entries(found)
    .filter(([name, value]) => name !== "variants" && value !== null && value !== "" && String(value) !== "")
    .map(([name, value]) =>
      h("div", {}, h("dt", {}, name.replaceAll("_", " ")), h("dd", {}, readable(value))),
    );
  return lines.length
    ? h(
        "details",
        { class: "prompt" },
        h("summary", {}, "What was seen in the photo"),
        h("dl", { class: "plain-facts" }, lines),
      )
    : null;
}

function readable(value) {
  if (Array.isArray(value)) return value.map(readable).join(", ") || "none";
  if (value && typeof value === "object")
    return Object.entries(value)
      .map(([name, part]) => `${name.replaceAll("_", " ")}: ${readable(part)}`)
      .join(", ");
  return String(value);
}
