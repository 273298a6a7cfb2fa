// Polls the server cheaply: an unchanged state costs a 304, a hidden page costs nothing.

import { call, isExpected } from "./api.js";

const LONGEST_MS = 30_000;

/**
 * Ask `url()` every `every()` ms and hand each new answer to `changed`; hand it over again if
 * `changed` was refused a request. Pauses while the page is hidden, slows down while Packshot is
 * unreachable. `now()` asks at once.
 */
export function poll(url, changed, every) {
  let etag = "";
  let asked = "";
  let failures = 0;
  let timer = 0;
  let running = false;

  async function ask() {
    clearTimeout(timer);
    if (running || document.hidden) return;
    running = true;
    try {
      await once();
    } finally {
      running = false;
      timer = setTimeout(ask, Math.min(LONGEST_MS, every() * 2 ** failures));
    }
  }

  async function once() {
    const address = url();
    if (address !== asked) etag = "";
    asked = address;
    try {
      const answer = await call("GET", address, { etag });
      failures = 0;
      if (answer.status === 304) return;
      etag = answer.etag;
      await changed(answer.body);
    } catch (error) {
      if (!isExpected(error)) throw error;
      etag = ""; // what could not be shown is passed again
      failures = Math.min(failures + 1, 5);
    }
  }

  document.addEventListener("visibilitychange", ask);
  addEventListener("online", ask);
  timer = setTimeout(ask, every());
  return { now: ask };
}
