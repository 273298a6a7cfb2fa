// How large the square views on the stage can be, and in how many columns they stand.

const CAPTION = 34;
const GAP = 8;
/** The strip of all pictures below two large ones, with its margin. */
const STRIP = 92;

export const isPhone = () => matchMedia("(max-width: 760px)").matches;

/** Two large ones beside each other, above the strip if there are `several`; on phones one above the other. */
export function pairLayout({ width, height }, several) {
  if (isPhone()) return { columns: 1, side: width - 2 * GAP };
  const tall = height - CAPTION - 2 * GAP - (several ? STRIP : 0);
  return { columns: 2, side: Math.min((width - 3 * GAP) / 2, tall) };
}

/** The number of columns that makes `count` tiles largest. */
export function tileLayout({ width, height }, count) {
  let best = { columns: 1, side: 0 };
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const side = Math.min(
      (width - GAP * (columns + 1)) / columns,
      (height - GAP * (rows + 1)) / rows - CAPTION,
    );
    if (side > best.side) best = { columns, side };
  }
  return best;
}
