// Applies the reviewer's theme before the first paint; by default the system's.
try {
  const theme = localStorage.getItem(`packshot${document.documentElement.dataset.root ?? ""}.theme`);
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage is blocked: keep the system's theme.
}
