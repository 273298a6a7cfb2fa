// Signing in again when the session ends, without losing anything, and signing out.

import { Away, call, isExpected, session } from "./api.js";
import { ask } from "./dialog.js";
import { $, h } from "./dom.js";
import { outbox } from "./outbox.js";
import { go } from "./place.js";
import { toast } from "./toast.js";
import { ended, many, sentence } from "./words.js";

const OVER =
  "Your session is over. Nothing is lost: what you decided is kept and saved as soon as you are back.";

export class SigningIn {
  #reviewer;
  #asking = false;

  /** `reviewer` is who the page belongs to. */
  constructor(reviewer) {
    this.#reviewer = reviewer;
    session.actAs(reviewer);
    session.addEventListener("ended", () => this.#ended());
    $("sign-out")?.addEventListener("click", () => this.#signOut());
  }

  async #ended() {
    if (this.#asking) return;
    this.#asking = true;
    let message = OVER;
    while (message !== null) message = await this.#signIn(await askKey(message));
    this.#asking = false;
  }

  /** Sign in with the given key; what to say when asking again, or null. */
  async #signIn(key) {
    if (key === null) return OVER;
    try {
      const { name } = (await call("POST", "/session", { body: { key } })).body.data;
      if (name === this.#reviewer) session.dispatchEvent(new Event("started"));
      else takeOver();
      return null;
    } catch (error) {
      if (!isExpected(error)) throw error;
      if (error instanceof Away) return "Packshot can't be reached. Try again.";
      return error.status === 401 ? "This key is not known. Try again." : sentence(error.message);
    }
  }

  async #signOut() {
    if (outbox.size && !(await this.#confirmed())) return;
    try {
      await call("DELETE", "/session");
      outbox.leave();
      go("/sign-in");
    } catch (error) {
      if (!isExpected(error)) throw error;
      toast(`You are still signed in: ${ended(error.message)} Try again.`, { kind: "bad" });
    }
  }

  #confirmed() {
    const words = `They are kept in this tab, and saved when ${this.#reviewer} signs in here again.`;
    return ask({
      title: `Sign out with ${many(outbox.size, "unsaved decision")}?`,
      body: [h("p", {}, words)],
      yes: "Sign out",
    });
  }
}

const askKey = (message) =>
  ask({
    title: "Sign in again",
    body: [
      h("p", {}, message),
      h(
        "label",
        { class: "field" },
        h("span", {}, "Your key"),
        h("input", { name: "key", type: "password", autocomplete: "current-password", required: true }),
      ),
    ],
    yes: "Sign in",
    no: null,
    answer: (form) => form.elements.key.value.trim(),
  });

/**
 * Hand the page over to another reviewer. Unsaved decisions wait until the previous one returns to this
 * tab.
 */
function takeOver() {
  outbox.leave();
  location.reload();
}
