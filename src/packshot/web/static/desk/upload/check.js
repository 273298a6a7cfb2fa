// Checks chosen photos before they are sent: finds those that are empty, not a picture, cut short, animated, or
// too large, too small or too narrow.
// The server decides when a photo is sent; here only what is certain counts.

import { ended } from "../words.js";
import { LIMITS } from "./limits.js";

const HEAD = 16;
/** [format, where its mark is, its marks]; the browser reads the first three formats itself. */
const KINDS = [
  ["JPEG", 0, ["\xff\xd8\xff"]],
  ["PNG", 0, ["\x89PNG\r\n\x1a\n"]],
  ["WebP", 8, ["WEBP"]],
  ["HEIC or AVIF", 4, ["ftyp"]],
  ["TIFF", 0, ["II*\0", "II+\0", "MM\0*", "MM\0+"]],
];
const READ_HERE = 3;
/** As Packshot writes it into its pictures: in an unpacked export they lie beside the spreadsheet. */
const MADE_HERE = ['xmp:CreatorTool="Packshot (', 'xmp:CreatorTool="Packshot"'];

/** Why the photo can't be used; null where nothing is wrong, or this browser can't tell. */
export async function whyUnusable(photo) {
  try {
    const file = await photo.read();
    if (file.size === 0) return "The file is empty.";
    const bytes = new Uint8Array(await file.arrayBuffer());
    const head = String.fromCharCode(...bytes.subarray(0, HEAD));
    const index = KINDS.findIndex(([, at, marks]) => marks.some((mark) => head.startsWith(mark, at)));
    if (index < 0) return "It is not a JPEG, PNG, WebP, HEIC, AVIF or TIFF: export it as one.";
    if (index >= READ_HERE) return null;
    const [kind] = KINDS[index];
    if (MADE_HERE.some((mark) => has(bytes, codesOf(mark), 0)))
      return "Packshot made this picture: give the photo that it was made from.";
    if (isCutShort(kind, bytes))
      return `The ${kind} is cut short, its end is missing: copy or export it again.`;
    if (isAnimated(kind, bytes)) return "It is animated: send a single still picture.";
    return await whyPixelsUnusable(file, kind);
  } catch (error) {
    return `It can't be read: ${ended(error.message)}`;
  }
}

/** Whether the mark that ends every such file is missing; what follows it does not matter. */
function isCutShort(kind, bytes) {
  if (kind === "WebP") return new DataView(bytes.buffer).getUint32(4, true) + 8 > bytes.length;
  if (kind === "PNG") return !has(bytes, codesOf("IEND"), 8);
  const scan = indexOf(bytes, [0xff, 0xda], afterSegments(bytes));
  return scan < 0 || !has(bytes, [0xff, 0xd9], scan);
}

/** By WebP's flag in its extended header, or by the chunk of an animated PNG before its pixels. */
function isAnimated(kind, bytes) {
  if (kind === "WebP") return indexOf(bytes, codesOf("VP8X"), 12) === 12 && (bytes[20] & 2) > 0;
  if (kind !== "PNG") return false;
  return has(bytes.subarray(0, indexOf(bytes, codesOf("IDAT"), 8)), codesOf("acTL"), 8);
}

const codesOf = (text) => [...text].map((letter) => letter.charCodeAt(0));

/** Where a JPEG's first scan begins: its header may contain a preview with an end of its own. */
function afterSegments(bytes) {
  let at = 2;
  while (at + 4 <= bytes.length && bytes[at] === 0xff && bytes[at + 1] !== 0xda)
    at += bytes[at + 1] === 0xff ? 1 : 2 + bytes[at + 2] * 256 + bytes[at + 3];
  return Math.min(at, bytes.length);
}

const has = (bytes, mark, from) => indexOf(bytes, mark, from) >= 0;

function indexOf(bytes, mark, from) {
  for (let at = bytes.indexOf(mark[0], from); at >= 0; at = bytes.indexOf(mark[0], at + 1))
    if (mark.every((byte, place) => bytes[at + place] === byte)) return at;
  return -1;
}

async function whyPixelsUnusable(file, kind) {
  let picture;
  try {
    picture = await createImageBitmap(file);
  } catch {
    return `The ${kind} is damaged, it can't be shown: copy or export it again.`;
  }
  const { width, height } = picture;
  picture.close();
  const size = `It has ${width} × ${height} pixels`;
  const { shortest_side, most_aspect, photo_pixels } = LIMITS;
  const [shorter, longer] = [Math.min(width, height), Math.max(width, height)];
  if (shorter < shortest_side) return `${size}: at least ${shortest_side} on each side are needed.`;
  if (width * height > photo_pixels) return `${size}: at most ${photo_pixels / 1e6} million are allowed.`;
  return longer > most_aspect * shorter ? `${size}: that is too narrow.` : null;
}
