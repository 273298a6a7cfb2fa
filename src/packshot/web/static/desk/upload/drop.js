// The area where files are dropped or chosen.

import { button, h, icon } from "../dom.js";

/** An element that calls `take([{path, file}])`; the whole page takes drops while `ready()`. */
export function dropZone(endings, take, ready) {
  const accept = ["image/*", ".zip", ".csv", ".tsv", ".txt", ".xlsx", ".ods", ".xml", ...endings].join(",");
  const files = chooser({ accept, "aria-label": "Photos, a ZIP or a spreadsheet" }, take);
  const folder = chooser({ webkitdirectory: true, "aria-label": "A folder of photos" }, take);
  const zone = h(
    "div",
    { class: "drop" },
    icon("upload"),
    h("p", { class: "drop-words" }, h("strong", {}, "Drop photos, folders, a ZIP or a spreadsheet here")),
    h(
      "p",
      { class: "form-actions" },
      button("Choose files", { kind: "primary", onclick: () => files.click() }),
      button("Choose a folder", { onclick: () => folder.click() }),
    ),
    h(
      "p",
      { class: "hint drop-more" },
      "A spreadsheet as your shop exports it: you see how it is read before anything is sent.",
    ),
    files,
    folder,
  );
  listen(zone, take, ready);
  return zone;
}

function chooser(props, take) {
  const input = h("input", { type: "file", multiple: true, class: "unseen", tabIndex: -1, ...props });
  input.addEventListener("change", () => {
    take(picked(input));
    input.value = "";
  });
  return input;
}

function listen(zone, take, ready) {
  for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault());
  addEventListener("dragover", () => zone.toggleAttribute("data-over", true));
  addEventListener(
    "dragleave",
    (event) => event.relatedTarget === null && zone.toggleAttribute("data-over", false),
  );
  addEventListener("drop", async (event) => {
    zone.toggleAttribute("data-over", false);
    if (ready() && event.dataTransfer) take(await dropped(event.dataTransfer));
  });
}

/** `[{path, file}]` of what was chosen; a folder's files have their path in it. */
const picked = (input) =>
  [...input.files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));

/** The same of what was dropped, and of the folders in it. */
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.());
  if (!entries.some((entry) => entry?.isDirectory)) return picked(transfer);
  return (await Promise.all(entries.filter(Boolean).map(inside))).flat();
}

async function inside(entry) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    return [{ path: entry.fullPath.replace(/^\//, ""), file }];
  }
  const found = [];
  for await (const some of entriesOf(entry)) found.push(...some);
  return (await Promise.all(found.map(inside))).flat();
}

/** A browser gives a folder's entries in portions, the last one empty. */
async function* entriesOf(folder) {
  const reader = folder.createReader();
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return;
    yield some;
  }
}
