// Remembers the last key that was pressed before the page listened, so that the page can say so.
{
  const early = { key: null };
  early.note = (event) => {
    if (!(event.target instanceof Element && event.target.closest("input, textarea, select")))
      early.key = event;
  };
  addEventListener("keydown", early.note);
  window.earlyKeys = early;
}
