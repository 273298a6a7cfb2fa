// Photos, folders, ZIPs and a spreadsheet in: what they become is shown first, then they are sent.

import { $, pageData } from "./dom.js";
import { start } from "./shell.js";
import { UploadPage } from "./upload/page.js";
import { resume } from "./upload/progress.js";

const data = pageData();
start(data);
new UploadPage($("upload-body"), data).start();
resume($("upload-body"));
