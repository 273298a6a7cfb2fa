// One product: shows its newest state, and sends what the user does about it.

import { Away, call, isExpected } from "./api.js";
import { $, announce, h, pageData } from "./dom.js";
import { samePictures } from "./doubt.js";
import { download } from "./download/dialog.js";
import { OwnDecisions } from "./own_decisions.js";
import { go } from "./place.js";
import { Poll } from "./poll.js";
import { actionButton } from "./product/action_button.js";
import { cancel, confirmDeletion, remove, replacePhoto } from "./product/actions.js";
import { editFacts } from "./product/edit.js";
import { facts } from "./product/facts.js";
import { failure, heading, progress } from "./product/head.js";
import { history } from "./product/history.js";
import { askAltText, askNewRound, askWhyRejected } from "./product/picture_dialogs.js";
import { roundCards } from "./product/round_cards.js";
import { ShopCheck } from "./product/shop_check.js";
import { skuViews } from "./product/sku_views.js";
import { openPictures, stillOpen } from "./product/still_open.js";
import { mayEdit, mayReview } from "./rights.js";
import { start } from "./shell.js";
import { toast } from "./toast.js";
import { STATUS } from "./words.js";

const BUSY_MS = 2_000;
const IDLE_MS = 6_000;
/** Pictures that replaced others are shown for this long before they can be approved. */
const LOOK_MS = 500;

class ProductPage {
  /** The latest answer of the server. */
  #data;
  #id;
  /** The product as it is drawn: what a click means. */
  #drawn;
  #replaced = -Infinity;
  /** Changes are sent one after the other: each version of the product -> the one that a change here made of it. */
  #sent = Promise.resolve();
  #madeOf = new Map();
  #check;
  #asking;
  #own;

  constructor(data) {
    this.#data = data;
    this.#id = data.product.id;
    this.#own = new OwnDecisions(data.caller);
    this.#check = new ShopCheck(this.#id);
    this.#asking = new Poll(
      () => `/desk/products/${this.#id}`,
      (fresh) => this.#show(fresh),
      () => (this.#product.status === "pending" ? BUSY_MS : IDLE_MS),
    );
    this.#show(data);
    document.addEventListener("close", () => this.#show(this.#data), true); // of a dialog
  }

  get #product() {
    return this.#data.product;
  }

  // -- the page ---------------------------------------------------------------------------------------

  #show(fresh) {
    const announced = this.#product.status !== fresh.product.status;
    this.#data = fresh;
    if (document.querySelector("dialog[open]")) return; // it is drawn when the dialog closes
    if (this.#drawn && !samePictures(this.#drawn, fresh.product)) this.#replaced = performance.now();
    this.#drawn = fresh.product;
    const focused = document.activeElement?.closest?.("[data-focus]")?.dataset.focus;
    this.#check.show(fresh.product);
    $("product").replaceChildren(...this.#draw());
    if (focused) $("product").querySelector(`[data-focus="${focused}"]`)?.focus();
    if (announced) announce(`Now ${STATUS[fresh.product.status].toLowerCase()}`);
  }

  #draw() {
    const product = this.#product;
    const approve = mayReview() ? (ids) => this.decide("approved", { image_ids: ids }) : null;
    const edit = mayEdit() && actionButton("Edit…", "text", "edit", () => this.edit());
    return [
      heading(product, this),
      product.status === "failed" && failure(product, this),
      product.status === "pending" && progress(product),
      stillOpen(product, approve),
      skuViews(product, this.#data.siblings),
      h(
        "div",
        { class: "product-columns" },
        h("div", { class: "rounds" }, roundCards(this.#data, this), this.#check.element),
        h("aside", { class: "facts" }, facts(product, edit), history(this.#data)),
      ),
    ].filter(Boolean);
  }

  // -- what the user does with the product ------------------------------------------------------------

  decide(status, more = {}) {
    return this.#change("POST", `/api/products/${this.#id}/review`, { status, ...more });
  }

  retry() {
    return this.#change("POST", `/api/products/${this.#id}/enhance`, {});
  }

  async redo() {
    const given = await askNewRound(this.#product.images);
    if (given) this.#change("POST", `/api/products/${this.#id}/enhance`, given);
  }

  cancel() {
    return this.#perform(cancel);
  }

  edit() {
    return this.#perform(editFacts);
  }

  replacePhoto() {
    return this.#perform(replacePhoto);
  }

  download() {
    return download({ products: String(this.#id) }, "The approved pictures of this product.");
  }

  async remove() {
    if (!(await confirmDeletion(1, `product ${this.#id}`))) return;
    try {
      await remove(this.#product);
      go("/grid");
    } catch (error) {
      showRefusal(error);
    }
  }

  // -- what the user does with one picture ------------------------------------------------------------

  decidePicture(picture, status, more = {}) {
    const why = status === "approved" && this.#whyUnseen(picture);
    if (why) return toast(`${why}, so nothing was approved.`, { kind: "bad" });
    return this.#changePicture(picture, { status, ...more });
  }

  /** Nobody approves what can't be seen, or has just replaced what was seen. */
  #whyUnseen({ id }) {
    if (performance.now() - this.#replaced < LOOK_MS) return "New pictures have just come";
    const box = $("product").querySelector(`[data-picture="${id}"] .picture-box`);
    const lost = box.querySelector("[data-lost]");
    lost?.dispatchEvent(new Event("retry"));
    if (lost) return "This picture can't be loaded";
    return box.querySelector("img")?.complete === false ? "This picture is not there yet" : null;
  }

  chooseTake(picture, take) {
    return this.#changePicture(picture, { take });
  }

  async describe(picture) {
    const given = await askAltText(picture);
    if (given && given.alt_text !== picture.alt_text) this.#changePicture(picture, given);
  }

  async rejectPicture(picture) {
    const seen = this.#product;
    const given = await askWhyRejected(picture);
    if (!given) return;
    if (samePictures(seen, this.#product)) return this.decidePicture(picture, "rejected", given);
    toast("Other pictures came up in the meantime, so nothing was decided.", { kind: "bad", stay: true });
    await this.#refresh();
  }

  // -- sending ----------------------------------------------------------------------------------------

  #changePicture(picture, body) {
    return this.#change("PATCH", `/api/product-images/${picture.id}`, body);
  }

  /** Send one change of the product as it is drawn, then show the result. */
  async #change(method, url, body) {
    const { version } = this.#drawn;
    const earlier = this.#sent.catch(() => {}); // its own caller has said what went wrong
    this.#sent = earlier.then(() => this.#sendChange(method, url, body, version)).catch(showRefusal);
    await this.#sent;
    await this.#refresh();
    announce(openPictures(this.#product) ?? "");
  }

  /** What was changed here meanwhile is nobody else's change. */
  async #sendChange(method, url, body, drawn) {
    let version = drawn;
    while (this.#madeOf.has(version)) version = this.#madeOf.get(version);
    const { product } = (await call(method, url, { body, version })).body.data;
    if (product.version !== version) this.#madeOf.set(version, product.version);
    this.#own.note(product);
  }

  /** Run `action(product)`, then show the result. */
  async #perform(action) {
    try {
      await action(this.#product);
    } catch (error) {
      showRefusal(error);
    }
    await this.#refresh();
  }

  async #refresh() {
    try {
      this.#show((await call("GET", `/desk/products/${this.#id}`)).body);
    } catch (error) {
      if (!isExpected(error)) throw error;
    }
    this.#asking.now();
  }
}

/** Say why a request was not carried out. Throws any unexpected error. */
function showRefusal(error) {
  if (!isExpected(error)) throw error;
  toast(refusalWords(error), { kind: "bad", stay: error.status === 412 });
}

function refusalWords(error) {
  if (error instanceof Away) return "Not saved: Packshot can't be reached. Try again when it is back.";
  if (error.status !== 412) return error.message;
  const who = error.product && `It is ${STATUS[error.product.status].toLowerCase()} now.`;
  return `Somebody else changed it first, so nothing was saved. ${who ?? ""} The page shows it as it is.`;
}

const data = pageData();
start(data);
new ProductPage(data);
