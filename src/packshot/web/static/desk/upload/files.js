// Reads files that were chosen or dropped, also in folders with subfolders.

/** `[{path, file}]` of what was chosen; a folder's files have their path in it. */
export const picked = (input) =>
  [...input.files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));

/** The same of what was dropped, and of the folders in it. */
export async function dropped(transfer) {
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
