// The sign-in page.

import { Away, call } from "./api.js";
import { $ } from "./dom.js";
import { go } from "./place.js";

$("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.currentTarget;
  const submit = form.querySelector("[type=submit]");
  submit.disabled = true;
  try {
    await call("POST", "/session", { body: { key: form.elements.key.value.trim() } });
    go("/");
  } catch (error) {
    $("key-error").textContent = words(error);
    $("key-error").hidden = false;
    submit.disabled = false;
    form.elements.key.select();
  }
});

function words(error) {
  if (error instanceof Away) return "Packshot can't be reached. Check your connection and try again.";
  if (error.status === 401) return "This key is not known. Check that all of it was copied.";
  if (error.status === 429) return "Too many tries. Wait a few minutes, then try again.";
  return error.message;
}
