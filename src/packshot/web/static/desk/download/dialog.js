// Asks which approved pictures are downloaded, and in which form.

import { h, warning } from "../dom.js";
import { recall, remember } from "../memory.js";
import { at } from "../place.js";
import { many } from "../words.js";
import { Download } from "./file.js";
import { DownloadForm } from "./form.js";

/** Products that one address can name. */
export const MAX_NAMED = 300;
const COUNT_MS = 10_000;
/** Groups of products that the dialog names. */
const MAX_GROUPS = 5;
/** Ask how, and download. `chosen` is {products, batch, category, sku}; `words` says what that is. */
export async function download(chosen, words) {
  const last = chosen.products ? null : new LastDownload(chosen);
  const wanted = await new DownloadForm(last).ask(words, await warnings(queryOf(chosen)));
  if (!wanted) return;
  const moment = await new Download(`/api/export?${queryOf({ ...chosen, ...wanted })}`, wanted).run();
  if (moment) last?.remember(wanted, moment);
}

function queryOf(values) {
  const given = Object.entries(values).filter(([, value]) => value);
  return given
    .map(([name, value]) => `${name}=${encodeURIComponent(value).replaceAll("%2C", ",")}`)
    .join("&");
}

/** What to look at before the download. */
async function warnings(query) {
  const url = at(`/api/export?format=jsonl&${query}`);
  const signal = AbortSignal.timeout(COUNT_MS);
  // The download itself says what is wrong.
  const answer = await fetch(url, { method: "HEAD", cache: "no-store", signal }).catch(() => null);
  const same = answer?.headers.get("Packshot-Same-View")?.split(", ") ?? [];
  return [foundWords(Number(answer?.headers.get("Packshot-Found-After-Approval"))), sameWords(same)];
}

/** Says how many pictures were approved before their check found a change; null where none was. */
function foundWords(n) {
  if (!n) return null;
  const approved = n === 1 ? "was approved before its" : "were approved before their";
  const words = `${many(n, "picture")} in it ${approved} check finished, which then found a change. `;
  const look = h("a", { href: at("/grid?status=all&doubt=after_approval") }, "Look first");
  return warning(words, look);
}

/** Names products of one SKU that no view tells apart, each group as "8 9", then "9 more"; null where there are none. */
function sameWords(groups) {
  if (!groups.length) return null;
  const [, unnamed] = groups.at(-1).match(/^(\d+) more$/) ?? [];
  const all = unnamed ? groups.length - 1 + Number(unnamed) : groups.length;
  const link = (id) => [" ", h("a", { href: at(`/products/${id}`) }, `#${id}`)];
  const named = groups.slice(0, MAX_GROUPS).map((group) => group.split(" ").flatMap(link));
  const more = all - named.length;
  return warning(
    "Products with the same SKU, and no views that tell them apart:",
    ...named.flatMap((links, place) => (place ? [";", ...links] : links)),
    `${more ? `; and ${many(more, "other group")}` : ""}. Their pictures are numbered as those of one`,
    " product: name their views, or correct the SKU if one shows another product.",
  );
}

/** Answers begin a little after the moment up to which they are complete. */
const MARGIN_MS = 60_000;

/** When this browser last downloaded the same, so that the next download may have only what is new. */
class LastDownload {
  #chosen;

  /** What is downloaded. */
  constructor({ batch, category, sku }) {
    this.#chosen = [batch, category, sku];
  }

  /** `{moment, since}` of the last download of `{format, preset}`, and since when approvals are new; null before it. */
  of(wanted) {
    const moment = recall(this.#name(wanted));
    return moment && { moment, since: new Date(Date.parse(moment) - MARGIN_MS).toISOString() };
  }

  /**
   * Note that such a download, which the server began to answer at `moment`, is complete; not if it began later
   * than the last one ended, because the next one must have what lies between them.
   */
  remember(wanted, moment) {
    const last = this.of(wanted);
    if (last && wanted.since > last.since) return;
    remember(this.#name(wanted), new Date(moment).toISOString());
  }

  #name({ format, preset }) {
    return `downloaded ${JSON.stringify([...this.#chosen, format, preset])}`;
  }
}
