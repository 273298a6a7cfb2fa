// The buttons of a product's page.

import { button } from "../dom.js";

/**
 * A button that gets its focus back, by its `name`, when the page is drawn again. Where several have the same
 * words, screen readers also say what it is `about`.
 */
export const actionButton = (words, picture, name, run, { kind = "small", about = null } = {}) =>
  button(words, {
    icon: picture,
    kind,
    data: { focus: name },
    onclick: run,
    "aria-label": about && `${words} ${about}`,
  });
