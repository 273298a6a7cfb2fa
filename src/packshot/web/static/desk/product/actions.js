// Actions for a product that is stuck: try again, another photo, cancel, delete.

import { call, isExpected, products as list } from "../api.js";
import { ask } from "../dialog.js";
import { h } from "../dom.js";
import { count, many } from "../words.js";

const PAGE = 200;
const CONCURRENT = 4;

const post = (product, what, body) =>
  call("POST", `/api/products/${product.id}/${what}`, { body, version: product.version });

export const retry = (product) => post(product, "enhance", {});
export const cancel = (product) => post(product, "cancel");
export const remove = (product) => call("DELETE", `/api/products/${product.id}`);

/** Whether it has no pictures, so that it can get another photo. */
export const mayHaveAnotherPhoto = (product) => product.status === "failed" && !product.images.length;

/** Ask for another photo, and try the product with it. True when that was done. */
export async function replacePhoto(product) {
  const given = await ask({
    title: `Another photo for product ${product.id}`,
    body: [
      h(
        "label",
        { class: "field" },
        h("span", {}, "Address of the photo"),
        h("input", {
          name: "address",
          type: "text",
          maxlength: 2048,
          placeholder: "https://…",
          autofocus: true,
        }),
      ),
      h(
        "label",
        { class: "field" },
        h("span", {}, "Or a photo from here"),
        h("input", { name: "photo", type: "file", accept: "image/*" }),
      ),
    ],
    yes: "Try it with this photo",
    answer: ({ elements }) => ({ file: elements.photo.files[0], address: elements.address.value.trim() }),
  });
  if (!given?.file && !given?.address) return false;
  const raw_image = given.file ? await upload(given.file) : given.address;
  const place = `/api/products/${product.id}`;
  const { body } = await call("PATCH", place, { body: { raw_image }, version: product.version });
  await retry(body.data.product);
  return true;
}

async function upload(file) {
  const form = new FormData();
  form.append("file", file);
  return (await call("POST", "/api/uploads", { body: form, timeout: 120_000 })).body.data.raw_image;
}

/** Ask before products are deleted for good; true for yes. */
export const confirmDeletion = (n, words) =>
  ask({
    title: `Delete ${words}?`,
    body: [
      h(
        "p",
        {},
        `${n === 1 ? "Its photo" : "Their photos"}, pictures and decisions are gone for good. What they cost stays in the totals.`,
      ),
    ],
    yes: `Delete ${count(n)}`,
    kind: "reject",
  });

/** Ask before products are cancelled; true for yes. */
export const confirmCancelling = (n) =>
  ask({
    title: `Cancel ${many(n, "product")}?`,
    body: [h("p", {}, "They are found under Failed then, where they can be tried again or deleted.")],
    yes: `Cancel ${count(n)}`,
    no: "Back",
    kind: "reject",
  });

/**
 * Do something with every product of a list: `{done, failed, error}`; `error` is the error that ended
 * it early.
 */
export async function forAll(query, act) {
  const result = { done: 0, failed: 0, error: null };
  try {
    for (let cursor = null; ; ) {
      const page = await list({ ...query, limit: PAGE, cursor });
      for (let at = 0; at < page.products.length; at += CONCURRENT)
        await together(page.products.slice(at, at + CONCURRENT), act, result);
      cursor = page.next_cursor;
      if (!cursor) return result;
    }
  } catch (error) {
    if (!isExpected(error)) throw error;
    return { ...result, error: error.message };
  }
}

async function together(products, act, result) {
  const outcomes = await Promise.allSettled(products.map(act));
  const refused = outcomes.filter((outcome) => outcome.status === "rejected");
  result.failed += refused.length;
  result.done += outcomes.length - refused.length;
}
