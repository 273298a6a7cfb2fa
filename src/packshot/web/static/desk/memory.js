// Values stored in the browser; without storage the desk uses its defaults.

import { ROOT } from "./place.js";

/** Two Packshots on one host, under two paths, share the browser's storage. */
const nameOf = (name) => `packshot${ROOT}.${name}`;

function safely(run, otherwise) {
  try {
    return run();
  } catch {
    return otherwise; // storage is blocked or full
  }
}

/** A value stored permanently, by name. */
export const recall = (name) => safely(() => localStorage.getItem(nameOf(name)), null);
export const remember = (name, value) => safely(() => localStorage.setItem(nameOf(name), value));

/** A value stored until this tab is closed, reloads included; null deletes it. */
export const tabRecall = (name) => safely(() => JSON.parse(sessionStorage.getItem(nameOf(name))), null);
export const tabRemember = (name, value) =>
  safely(() =>
    value === null
      ? sessionStorage.removeItem(nameOf(name))
      : sessionStorage.setItem(nameOf(name), JSON.stringify(value)),
  );
