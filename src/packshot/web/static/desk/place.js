// The addresses of Packshot's own pages, wherever a proxy serves it.

/** The path that Packshot is served under: "", or "/packshot". */
export const ROOT = document.documentElement.dataset.root ?? "";

/** One of our own addresses, such as "/grid", as the browser has to ask for it. */
export const at = (path) => ROOT + path;

/** Let the browser's Back return to this product on the desk. */
export function comeBackTo(product) {
  const query = new URLSearchParams(location.search);
  query.set("product", product);
  history.replaceState(null, "", `?${query}`);
}

/** Leave for another page of ours. */
export const go = (path) => location.assign(at(path));
