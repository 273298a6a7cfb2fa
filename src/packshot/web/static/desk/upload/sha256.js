// SHA-256 (FIPS 180-4). Browsers have their own only on https and for this machine: a page on plain http from
// another machine needs this one, which takes 10 ms for a megabyte.

/** The first 32 bits after the point (FIPS 180-4, 4.2.2 and 5.3.3). */
const fraction = (root) => ((root % 1) * 2 ** 32) | 0;
const PRIMES = [...Array(312).keys()].filter((n) => n > 1 && isPrime(n));
const ADDED = Int32Array.from(PRIMES, (prime) => fraction(Math.cbrt(prime)));
const BEGIN = PRIMES.slice(0, 8).map((prime) => fraction(Math.sqrt(prime)));
const BLOCK = 64;
const LENGTH = 8;

function isPrime(n) {
  for (let by = 2; by * by <= n; by++) if (n % by === 0) return false;
  return true;
}

/** The digest of these bytes, as 32 bytes. */
export function sha256(bytes) {
  const state = Int32Array.from(BEGIN);
  const words = new Int32Array(BLOCK);
  const whole = bytes.length - (bytes.length % BLOCK);
  mix(state, words, bytes.subarray(0, whole));
  mix(state, words, lastBlocks(bytes.subarray(whole), bytes.length));
  const digest = new DataView(new ArrayBuffer(4 * state.length));
  for (const [place, word] of state.entries()) digest.setInt32(4 * place, word);
  return new Uint8Array(digest.buffer);
}

/** The rest of the bytes, a mark, zeros, and how many bits there are in all. */
function lastBlocks(rest, length) {
  const last = new Uint8Array(rest.length + 1 + LENGTH > BLOCK ? 2 * BLOCK : BLOCK);
  last.set(rest);
  last[rest.length] = 0x80;
  new DataView(last.buffer).setBigUint64(last.length - LENGTH, BigInt(8 * length));
  return last;
}

const turn = (word, by) => (word >>> by) | (word << (32 - by));

function mix(state, words, blocks) {
  const view = new DataView(blocks.buffer, blocks.byteOffset, blocks.length);
  for (let at = 0; at < blocks.length; at += BLOCK) {
    for (let n = 0; n < 16; n++) words[n] = view.getInt32(at + 4 * n);
    for (let n = 16; n < BLOCK; n++) {
      const early = words[n - 15];
      const late = words[n - 2];
      const one = turn(early, 7) ^ turn(early, 18) ^ (early >>> 3);
      const two = turn(late, 17) ^ turn(late, 19) ^ (late >>> 10);
      words[n] = words[n - 16] + one + words[n - 7] + two;
    }
    mixBlock(state, words);
  }
}

function mixBlock(state, words) {
  let [a, b, c, d, e, f, g, h] = state;
  for (let n = 0; n < BLOCK; n++) {
    const chosen = (e & f) ^ (~e & g);
    const one = h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + chosen + ADDED[n] + words[n];
    const most = (a & b) ^ (a & c) ^ (b & c);
    const two = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + most;
    // One by one: an array for them would take four times as long.
    h = g;
    g = f;
    f = e;
    e = (d + one) | 0;
    d = c;
    c = b;
    b = a;
    a = (one + two) | 0;
  }
  for (const [place, word] of [a, b, c, d, e, f, g, h].entries()) state[place] += word;
}
