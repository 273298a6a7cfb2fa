// The server's limits on photos and requests, with its page.

import { pageData } from "../dom.js";

/** `{photo_bytes, photo_pixels, shortest_side, most_aspect, request_products, request_bytes}`. */
export const LIMITS = pageData().limits;
