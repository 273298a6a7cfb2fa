// Uploads photos, folders, ZIPs and a spreadsheet; the products they become are shown before sending.

import { $, pageData } from "./dom.js";
import { start } from "./shell.js";
import { UploadPage } from "./upload/page.js";
import { resume } from "./upload/progress.js";

const data = pageData();
start(data);
new UploadPage($("upload-body"), data).start();
resume($("upload-body"));
