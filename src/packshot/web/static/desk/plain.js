// A page with nothing of its own to do.

import { pageData } from "./dom.js";
import { start } from "./shell.js";

start(pageData());
