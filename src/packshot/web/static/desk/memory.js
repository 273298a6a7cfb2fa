// What this browser remembers; a browser that may not remember anything does without.

function safely(run, otherwise) {
  try {
    return run();
  } catch {
    return otherwise; // storage is blocked or full
  }
}

/** A value kept for good, by name. */
export const recall = (name) => safely(() => localStorage.getItem(`packshot.${name}`), null);
export const remember = (name, value) => safely(() => localStorage.setItem(`packshot.${name}`, value));

/** A value kept as long as this tab, reloads included; null forgets it. */
export const tabRecall = (name) => safely(() => JSON.parse(sessionStorage.getItem(`packshot.${name}`)), null);
export const tabRemember = (name, value) =>
  safely(() =>
    value === null
      ? sessionStorage.removeItem(`packshot.${name}`)
      : sessionStorage.setItem(`packshot.${name}`, JSON.stringify(value)),
  );
