// Before the first paint: the theme this reviewer chose, else the system's.
try {
  const theme = localStorage.getItem(`packshot${document.documentElement.dataset.root ?? ""}.theme`);
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage is blocked: the system's theme it is.
}
