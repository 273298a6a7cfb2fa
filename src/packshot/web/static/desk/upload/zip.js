// The photos in a ZIP (PKWARE's APPNOTE 6.3.10): its directory is read at once, a photo when it is sent.

import { call } from "../api.js";

const END = 0x06054b50;
const ENTRY = 0x02014b50;
const END_SIZE = 22;
/** Zip64, for 65,535 files or 4 GB and more: its end, and what says where that is, before the ordinary end. */
const LARGE_END = 0x06064b50;
const LARGE_END_SIZE = 56;
const LOCATOR = 0x07064b50;
const LOCATOR_SIZE = 20;
const LARGE_FIELD = 0x1;
const LONGEST_COMMENT = 65_535;
const UTF_8 = 0x800;
const ENCRYPTED = 0x1;
const STORED = 0;
const DEFLATED = 8;
const WHOLE = 0xffffffff;
const UNICODE_PATH = 0x7075;
const TIMEOUT_MS = 90_000;

/**
 * `[{path, size, read}]`; `read()` gives the bytes as a Blob; `path` is null if the name can't be read.
 * Throws an Error with a message for the user.
 */
export async function entriesOf(file) {
  const { count, size, offset } = await endOf(file);
  const list = new DataView(await file.slice(offset, offset + size).arrayBuffer());
  const entries = [];
  for (let at = 0, n = 0; n < count; n += 1) {
    if (at + 46 > list.byteLength || list.getUint32(at, true) !== ENTRY) throw damaged(file);
    const lengths = [28, 30, 32].map((place) => list.getUint16(at + place, true));
    if (at + 46 + lengths[0] + lengths[1] > list.byteLength) throw damaged(file);
    entries.push(entryAt(file, list, at, lengths));
    at += 46 + lengths[0] + lengths[1] + lengths[2];
  }
  await readNames(entries.filter((entry) => entry.path === null));
  return entries.filter((entry) => !entry.path?.endsWith("/"));
}

const damaged = (file) => new Error(`${file.name} is damaged or was cut short: make the ZIP again`);

async function endOf(file) {
  const start = Math.max(0, file.size - END_SIZE - LONGEST_COMMENT);
  const tail = new DataView(await file.slice(start).arrayBuffer());
  for (let at = tail.byteLength - END_SIZE; at >= 0; at -= 1) {
    if (tail.getUint32(at, true) !== END) continue;
    const locator = at - LOCATOR_SIZE;
    if (locator >= 0 && tail.getUint32(locator, true) === LOCATOR)
      return largeEnd(file, large(tail, locator + 8));
    return {
      count: tail.getUint16(at + 10, true),
      size: tail.getUint32(at + 12, true),
      offset: tail.getUint32(at + 16, true),
    };
  }
  throw damaged(file);
}

async function largeEnd(file, at) {
  const end = new DataView(await file.slice(at, at + LARGE_END_SIZE).arrayBuffer());
  if (end.byteLength < LARGE_END_SIZE || end.getUint32(0, true) !== LARGE_END) throw damaged(file);
  return { count: large(end, 32), size: large(end, 40), offset: large(end, 48) };
}

const large = (view, at) => Number(view.getBigUint64(at, true));

function entryAt(file, list, at, [nameLength, extraLength]) {
  const flags = list.getUint16(at + 8, true);
  const name = new Uint8Array(list.buffer, at + 46, nameLength);
  const extra = new DataView(list.buffer, at + 46 + nameLength, extraLength);
  const [size, packed, offset] = placeOf(list, at, extra);
  const entry = {
    file,
    locked: Boolean(flags & ENCRYPTED),
    method: list.getUint16(at + 10, true),
    packed,
    size,
    offset,
  };
  return { path: pathOf(declared(name, flags, extra)), name, size, read: () => unpacked(entry) };
}

/** The size, the packed size and the offset; those too large for 32 bits are in Zip64's field, in this order. */
function placeOf(list, at, extra) {
  const field = fieldOf(extra, LARGE_FIELD);
  let next = 0;
  return [24, 20, 42].map((place) => {
    const number = list.getUint32(at + place, true);
    if (number !== WHOLE || !field || next + 8 > field.byteLength) return number;
    next += 8;
    return large(field, next - 8);
  });
}

const pathOf = (name) => name?.replaceAll("\\", "/") ?? null;

/**
 * Without the flag of UTF-8 the field with the name in UTF-8 counts, then UTF-8 that many programs write
 * without it; null if the name is in a code page.
 */
function declared(name, flags, extra) {
  if (flags & UTF_8) return new TextDecoder().decode(name);
  return unicodePath(extra) ?? inUtf8(name);
}

/** The code pages of all countries are known to the server. */
async function readNames(entries) {
  if (!entries.length) return;
  const body = { names: entries.map(({ name }) => hex(name)) };
  const { data } = (await call("POST", "/api/imports/names", { body, timeout: TIMEOUT_MS })).body;
  for (const [place, entry] of entries.entries()) entry.path = pathOf(data.names[place]);
}

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

function unicodePath(extra) {
  const field = fieldOf(extra, UNICODE_PATH);
  if (!field || field.byteLength <= 5) return null;
  return inUtf8(new Uint8Array(field.buffer, field.byteOffset + 5, field.byteLength - 5));
}

function fieldOf(extra, kind) {
  for (let at = 0; at + 4 <= extra.byteLength; ) {
    const size = extra.getUint16(at + 2, true);
    if (extra.getUint16(at, true) === kind && at + 4 + size <= extra.byteLength)
      return new DataView(extra.buffer, extra.byteOffset + at + 4, size);
    at += 4 + size;
  }
  return null;
}

function inUtf8(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

async function unpacked(entry) {
  if (entry.locked) throw new Error("is locked with a password: make the ZIP without one");
  const head = new DataView(await entry.file.slice(entry.offset, entry.offset + 30).arrayBuffer());
  if (head.byteLength < 30) throw damaged(entry.file);
  const start = entry.offset + 30 + head.getUint16(26, true) + head.getUint16(28, true);
  const packed = entry.file.slice(start, start + entry.packed);
  if (entry.method === STORED) return packed;
  if (entry.method !== DEFLATED)
    throw new Error("is packed by a method that can't be read: make an ordinary ZIP");
  const plain = packed.stream().pipeThrough(new DecompressionStream("deflate-raw"));
  try {
    return await new Response(plain).blob();
  } catch {
    throw damaged(entry.file);
  }
}
