// Requests to Packshot's own API, and their errors.

import { at } from "./place.js";

const TIMEOUT_MS = 20_000;

/** Statuses of a proxy when Packshot is down, and of Packshot when its database is. */
export const NOBODY_THERE = new Set([502, 503, 504]);

/** The network or Packshot is unreachable. Whether the request was carried out is unknown. */
export class Away extends Error {
  constructor(message, { slow = false, retryAfter = 0 } = {}) {
    super(message);
    this.slow = slow;
    this.retryAfter = retryAfter;
  }
}

/** Packshot refused, with a problem document (RFC 9457). */
export class Problem extends Error {
  constructor(status, body, retryAfter) {
    super(body?.detail ?? `Packshot answered ${status}`);
    this.status = status;
    this.code = body?.type?.split("/").pop() ?? "unknown";
    this.product = body?.data?.product ?? null;
    this.errors = body?.errors ?? [];
    this.retryAfter = retryAfter;
  }

  /** Whether the same request may work later. */
  get isTemporary() {
    return this.status >= 500 || this.status === 429 || this.status === 408;
  }
}

/** Expected errors: Packshot is unreachable, or refused. */
export const isExpected = (error) => error instanceof Away || error instanceof Problem;

/** Whether Packshot is reachable: `online`, with `change` events. */
export const connection = new (class extends EventTarget {
  online = navigator.onLine;

  update(online) {
    if (this.online === online) return;
    this.online = online;
    this.dispatchEvent(new Event("change"));
  }
})();
addEventListener("offline", () => connection.update(false));
addEventListener("online", () => connection.update(true));

/** Dispatches `ended` when a request found nobody signed in, and `started` when somebody is again. */
export const session = new (class extends EventTarget {
  /** Who this page belongs to, as a header: a request under another caller's session is refused (401). */
  caller = null;

  actAs(name) {
    this.caller = encodeURIComponent(name);
  }
})();

/** One request: `{status, etag, body}`. `version` goes into If-Match. Throws Away, Problem. */
export async function call(
  method,
  url,
  { body, headers = {}, version, etag, keepalive = false, timeout = TIMEOUT_MS } = {},
) {
  const request = {
    method,
    keepalive,
    cache: etag === undefined ? "default" : "no-store",
    headers: { Accept: "application/json", ...headers },
  };
  if (body instanceof FormData) request.body = body;
  else if (body !== undefined) {
    request.body = JSON.stringify(body);
    request.headers["Content-Type"] = "application/json";
  }
  if (session.caller !== null && url !== "/session") request.headers["X-Packshot-Caller"] = session.caller;
  if (version !== undefined) request.headers["If-Match"] = `"${version}"`;
  if (etag) request.headers["If-None-Match"] = etag;
  return read(await send(url, request, timeout));
}

async function send(url, request, timeout) {
  try {
    return await fetch(at(url), { ...request, signal: AbortSignal.timeout(timeout) });
  } catch (error) {
    connection.update(false);
    throw new Away("Packshot can't be reached", { slow: error.name === "TimeoutError" });
  }
}

async function read(response) {
  const retryAfter = Number(response.headers.get("Retry-After")) || 0;
  connection.update(!NOBODY_THERE.has(response.status));
  if (!connection.online) throw new Away("Packshot does not answer", { retryAfter });
  if (response.status === 304) return { status: 304 };
  let body = null;
  try {
    body = response.status === 204 ? null : await response.json();
  } catch (error) {
    if (error.name !== "SyntaxError") throw new Away("the answer was cut off");
  }
  if (!response.ok) {
    if (response.status === 401) session.dispatchEvent(new Event("ended"));
    throw new Problem(response.status, body, retryAfter);
  }
  if (body === null && response.status !== 204) throw new Away("the answer is not Packshot's");
  return { status: response.status, etag: response.headers.get("ETag"), body };
}

/** Products by the list's query; `{products, next_cursor}`. */
export const products = async (query) => (await call("GET", listAddress(query))).body.data;

/** The address of a list; what is null or undefined in the query is left out. */
export function listAddress(query) {
  const asked = Object.entries(query).filter(([, value]) => value !== null && value !== undefined);
  return `/api/products?${new URLSearchParams(asked)}`;
}
