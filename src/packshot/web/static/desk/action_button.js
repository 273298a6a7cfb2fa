// The buttons of a product's page.

import { button } from "./dom.js";

/** A button that gets its focus back, by its `name`, when the page is drawn again. */
export const actionButton = (words, picture, name, run, kind = "small") =>
  button(words, { icon: picture, kind, data: { focus: name }, onclick: run });
