// The addresses of Packshot's own pages, wherever a proxy serves it.

/** The path that Packshot is served under: "", or "/packshot". */
export const ROOT = document.documentElement.dataset.root ?? "";

/** One of our own addresses, such as "/grid", as the browser has to ask for it. */
export const at = (path) => ROOT + path;

/** Leave for another page of ours. */
export const go = (path) => location.assign(at(path));
