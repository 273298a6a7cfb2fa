// A page that only has the shared part.

import { pageData } from "./dom.js";
import { start } from "./shell.js";

start(pageData());
