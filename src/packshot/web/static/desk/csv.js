// CSV by RFC 4180, as spreadsheets write it: commas, semicolons or tabs, quotes, a BOM.

/** Rows of fields. Empty lines are left out. */
export function parse(text) {
  const clean = text.replace(/^\uFEFF/, "");
  const comma = separator(clean);
  const rows = [];
  let row = [];
  const field = new RegExp(`(?:"((?:[^"]|"")*)"|([^"${comma}\\r\\n]*))(${comma}|\\r?\\n|\\r|$)`, "y");
  while (field.lastIndex < clean.length) {
    const found = field.exec(clean);
    if (!found) throw new SyntaxError(`line ${rows.length + 1} has a quote in the wrong place`);
    row.push((found[1]?.replaceAll('""', '"') ?? found[2]).trim());
    if (found[3] === comma && field.lastIndex < clean.length) continue;
    if (found[3] === comma) row.push("");
    if (row.some(Boolean)) rows.push(row);
    row = [];
  }
  return rows;
}

function separator(text) {
  const line = text.slice(0, text.search(/[\r\n]|$/));
  return [",", ";", "\t"].sort((a, b) => line.split(b).length - line.split(a).length)[0];
}

/** Objects by the names in the first row, in lower case. */
export function records(text) {
  const [head = [], ...rows] = parse(text);
  const names = head.map((name) => name.toLowerCase().replaceAll(" ", "_"));
  return rows.map((row) => Object.fromEntries(names.map((name, place) => [name, row[place] ?? ""])));
}
