// What the server accepts of photos, spreadsheets and requests; it comes with the page.

import { pageData } from "../dom.js";

const { limits, sheet_endings } = pageData();

/** `{photo_bytes, photo_pixels, shortest_side, most_aspect, table_bytes, request_products, request_bytes}`. */
export const LIMITS = limits;

/** Whether its ending says that a file is a spreadsheet, also one that the server refuses with what to do. */
export const isSheet = (path) => sheet_endings.some((ending) => path.toLowerCase().endsWith(ending));
