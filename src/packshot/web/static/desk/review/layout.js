// How large the square views on the stage can be, and in how many columns they stand.

const CAPTION = 34;
const GAP = 8;
/**
 * The least and the largest height of the strip of all pictures below two large ones, with its margins; the least
 * is lower on a stage as low as that of a phone on its side.
 */
const STRIP = 92;
const LOW_STRIP = 60;
const LOW_STAGE = 340;
const MOST_STRIP = 252;

export const isPhone = () => matchMedia("(max-width: 760px)").matches;

/** Two large ones beside each other, above the strip of `count` pictures; on phones one above the other. */
export function pairLayout({ width, height }, count) {
  if (isPhone()) return { columns: 1, side: width - 2 * GAP, strip: STRIP };
  const [wide, tall] = [(width - 3 * GAP) / 2, height - CAPTION - 2 * GAP];
  if (count < 2) return { columns: 2, side: Math.min(wide, tall), strip: STRIP };
  // What the large ones leave below them is the strip's, as long as all its pictures fit.
  const least = height < LOW_STAGE ? LOW_STRIP : STRIP;
  const strip = Math.max(least, Math.min(MOST_STRIP, tall - wide, (width - 2 * GAP) / count + GAP / 2));
  return { columns: 2, side: Math.min(wide, tall - strip), strip };
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
