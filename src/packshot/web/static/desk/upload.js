// Photos or a CSV in; then each product's pictures as they are made.

import { Away, NOBODY_THERE, Problem, call, foreseen, products as list } from "./api.js";
import { records } from "./csv.js";
import { $, announce, button, h, icon, pageData, unique } from "./dom.js";
import { SMALL } from "./facts.js";
import { image, rawPicture } from "./frames.js";
import { poll } from "./poll.js";
import { start } from "./shell.js";
import { toast } from "./toast.js";
import { STATUS, bytes, count, many } from "./words.js";

const FIELDS = [
  ["category", "Category", "text"],
  ["mrp", "MRP", "decimal"],
  ["price", "Price", "decimal"],
  ["discount", "Discount", "decimal"],
  ["gst", "GST %", "decimal"],
];
const REQUIRED = ["category", "mrp", "price"];
// The server looks at the content; Windows knows no type for some of these.
const ENDINGS = [
  ..."jpg jpeg jpe jfif png webp heic heif avif tif tiff".split(" "),
];
const PHOTO = new RegExp(`\\.(${ENDINGS.join("|")})$`, "i");
const MAX_BYTES = 20_000_000;
const UPLOADS_TOGETHER = 3;
const BUSY_MS = 600_000;
const TRIES = 3;
const IN_ONE_REQUEST = 1_000;
const FOLLOW_MS = 1_500;
const PAGE = 200;

const data = pageData();
start(data);
const rows = [];
const keys = new Map();
const defaults = Object.fromEntries(FIELDS.map(([name]) => [name, ""]));
let sending = false;

// -- the form -----------------------------------------------------------------------------------------

const picker = h(
  "input",
  {
    type: "file",
    multiple: true,
    accept: ["image/*", ".csv", ...ENDINGS.map((ending) => `.${ending}`)].join(","),
    class: "unseen",
    tabIndex: -1,
    "aria-label": "Photos or a CSV",
  },
);
const drop = h(
  "div",
  { class: "drop" },
  icon("upload"),
  h("p", { class: "drop-words" }, h("strong", {}, "Drop photos or a CSV here")),
  button("Choose files", { kind: "primary", onclick: () => picker.click() }),
  h("p", { class: "hint drop-more" }, "Columns of a CSV: category, raw_image, mrp, price; discount and gst if you like."),
  picker,
);
const form = h("form", { class: "upload-form", hidden: true, novalidate: true });
$("upload-body").append(drop, form);

picker.addEventListener("change", () => {
  take([...picker.files]);
  picker.value = "";
});
for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault());
addEventListener("dragover", () => drop.toggleAttribute("data-over", true));
addEventListener(
  "dragleave",
  (event) => event.relatedTarget === null && drop.toggleAttribute("data-over", false),
);
addEventListener("drop", async (event) => {
  drop.toggleAttribute("data-over", false);
  if (!sending && event.dataTransfer) take(await dropped(event.dataTransfer));
});
addEventListener(
  "beforeunload",
  (event) => (sending || rows.some((row) => row.file)) && !form.hidden && event.preventDefault(),
);

/** The files, and those in dropped folders. */
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.());
  if (!entries.some((entry) => entry?.isDirectory)) return [...transfer.files];
  return (await Promise.all(entries.filter(Boolean).map(inside))).flat();
}

async function inside(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) break;
    found.push(...some);
  }
  return (await Promise.all(found.map(inside))).flat();
}

// -- rows ---------------------------------------------------------------------------------------------

async function take(files) {
  for (const file of files.filter((one) => /\.csv$/i.test(one.name))) await takeCsv(file);
  for (const file of files.filter((one) => PHOTO.test(one.name))) takePhoto(file);
  const other = files.filter((one) => !PHOTO.test(one.name) && !/\.csv$/i.test(one.name));
  if (other.length) toast(
    `${many(other.length, "file")} left out: only JPEG, PNG, WebP, HEIC, AVIF, TIFF and CSV can be used.`,
    { kind: "bad" },
  );
  draw();
}

async function takeCsv(file) {
  try {
    for (const record of records(await file.text())) {
      const { raw_image: rawImage = "", ...fields } = record;
      const unknown = Object.keys(fields).filter((name) => !(name in defaults));
      for (const name of unknown) delete fields[name];
      const row = newRow({
        name: rawImage || "(no raw_image)",
        fields: { ...defaults, ...fields },
        rawImage,
      });
      const known = rows.find((other) => other.file && !other.fromCsv && nameIs(other.file.name, rawImage));
      if (known) attach(row, known.file), rows.splice(rows.indexOf(known), 1);
      rows.push(row);
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    toast(`${file.name} can't be read: ${error.message}.`, { kind: "bad", stay: true });
  }
}

function takePhoto(file) {
  const waiting = rows.find((row) => row.needsFile && nameIs(file.name, row.rawImage));
  if (waiting) return attach(waiting, file);
  const row = newRow({ name: file.name, fields: { ...defaults } });
  attach(row, file);
  row.fromCsv = false;
  return rows.push(row);
}

function newRow({ name, fields, rawImage = null }) {
  const isAddress = rawImage && /^([a-z0-9]+:\/\/|\/media\/)/i.test(rawImage);
  return {
    name,
    fields,
    rawImage,
    fromCsv: rawImage !== null,
    needsFile: rawImage !== null && !isAddress,
    file: null,
    faults: [],
    sent: 0,
  };
}

function attach(row, file) {
  row.file = file;
  row.needsFile = false;
  row.thumb = URL.createObjectURL(file);
  if (file.size > MAX_BYTES) row.faults = [`${bytes(file.size)} is too large: 20 MB at most`];
}

const nameIs = (name, path) => name.toLowerCase() === path.split(/[/\\]/).pop().toLowerCase();

// -- drawing the form ---------------------------------------------------------------------------------

/** What was chosen on this machine; few browsers show HEIC or TIFF, which are taken nevertheless. */
function local(url) {
  return h("img", { src: url, alt: "", onerror: (event) => event.target.replaceWith(icon("upload")) });
}

function draw() {
  form.hidden = rows.length === 0;
  drop.toggleAttribute("data-small", rows.length > 0);
  if (!rows.length) return;
  form.replaceChildren(
    h(
      "fieldset",
      { class: "defaults" },
      h("legend", {}, "For all that have none of their own"),
      h("div", { class: "default-fields" }, FIELDS.map((field) => defaultField(field))),
    ),
    h(
      "div",
      { class: "table-scroll", tabindex: "0", role: "region", "aria-label": "Products to create" },
      table(),
    ),
    h(
      "div",
      { class: "form-actions" },
      h("p", { class: "hint" }, many(rows.length, "product")),
      button("Clear", { onclick: clear }),
      h(
        "button",
        { type: "submit", class: "button primary" },
        icon("upload"),
        h("span", {}, `Make pictures of ${many(rows.length, "product")}`),
      ),
    ),
  );
}

function defaultField([name, words, kind]) {
  const input = h(
    "input",
    {
      type: "text",
      name: `default-${name}`,
      inputmode: kind,
      value: defaults[name],
      placeholder: REQUIRED.includes(name) ? "" : "optional",
      autocomplete: "off",
    },
  );
  input.addEventListener("input", () => {
    for (const row of rows) {
      if (row.fields[name] === defaults[name] || !row.fields[name]) row.fields[name] = input.value.trim();
    }
    defaults[name] = input.value.trim();
    for (const row of rows) row.inputs[name].value = row.fields[name];
  });
  return h("label", { class: "field" }, h("span", {}, words), input);
}

function table() {
  return h(
    "table",
    {},
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        ["Photo", ...FIELDS.map(([, words]) => words), ""].map((words) => h(
          "th",
          { scope: "col" },
          words || h("span", { class: "unseen" }, "Remove"),
        )),
      ),
    ),
    h("tbody", {}, rows.map(line)),
  );
}

function line(row) {
  row.inputs = {};
  row.status = h("p", { class: "row-status" });
  const cells = FIELDS.map(([name, words, kind]) => {
    const input = h(
      "input",
      {
        type: "text",
        inputmode: kind,
        value: row.fields[name] ?? "",
        "aria-label": `${words} of ${row.name}`,
        autocomplete: "off",
      },
    );
    input.addEventListener("input", () => (row.fields[name] = input.value.trim()));
    row.inputs[name] = input;
    return h("td", {}, input);
  });
  const remove = h(
    "button",
    {
      type: "button",
      class: "icon-button",
      "aria-label": `Remove ${row.name}`,
      onclick: () => (rows.splice(rows.indexOf(row), 1), draw()),
    },
    icon("cross"),
  );
  const photo = h(
    "th",
    { scope: "row", class: "photo-cell" },
    h("span", { class: "photo" }, row.thumb ? local(row.thumb) : icon("link")),
    h("span", { class: "photo-name" }, h("span", {}, row.name), row.status),
  );
  row.element = h("tr", {}, photo, cells, h("td", {}, remove));
  showFaults(row);
  return row.element;
}

function showFaults(row) {
  const faults = row.needsFile ? [`drop the photo ${row.rawImage} too`, ...row.faults] : row.faults;
  row.element.toggleAttribute("data-bad", faults.length > 0);
  row.status.textContent = faults.join("; ");
}

function clear() {
  rows.length = 0;
  draw();
}

// -- sending ------------------------------------------------------------------------------------------

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (sending || !check()) return;
  sending = true;
  form.toggleAttribute("inert", true);
  try {
    await uploadAll();
    const bad = rows.filter((row) => row.faults.length);
    if (bad.length) return toast(
      `${many(bad.length, "photo")} can't be used. Remove them, or try again.`,
      { kind: "bad" },
    );
    await create();
  } catch (error) {
    if (error instanceof Problem) tell(error);
    else if (error instanceof Away) toast(
      "Packshot can't be reached. What was uploaded is kept: try again when it is back.",
      { kind: "bad" },
    );
    else throw error;
  } finally {
    sending = false;
    form.toggleAttribute("inert", false);
  }
});

function check() {
  for (const row of rows) {
    row.faults = REQUIRED.filter((name) => !row.fields[name]).map((name) => `${name} is missing`);
    if (row.file?.size > MAX_BYTES) row.faults.push(`${bytes(row.file.size)} is too large: 20 MB at most`);
    showFaults(row);
    for (const name of REQUIRED) row.inputs[name].toggleAttribute("data-bad", !row.fields[name]);
  }
  const bad = rows.find((row) => row.faults.length || row.needsFile);
  if (!bad) return true;
  const n = rows.filter((row) => row.faults.length || row.needsFile).length;
  toast(`${many(n, "product")} can't be created yet: see the lines marked.`, { kind: "bad" });
  const missing = REQUIRED.find((name) => !bad.fields[name]);
  (missing ? (form.querySelector(
    `[name=default-${missing}]`,
  ).value ? bad.inputs[missing] : form.querySelector(
    `[name=default-${missing}]`,
  )) : bad.element.querySelector("button")).focus();
  return false;
}

/** A few at a time; one that was uploaded before is not sent again. */
async function uploadAll() {
  const waiting = rows.filter((row) => row.file && !row.uploaded);
  const lanes = Array.from({ length: UPLOADS_TOGETHER }, async () => {
    for (let row = waiting.shift(); row; row = waiting.shift()) await upload(row);
  });
  await Promise.all(lanes);
}

async function upload(row) {
  const bar = h("progress", { max: 1, value: 0, "aria-label": `Uploading ${row.name}` });
  try {
    row.uploaded = await sendInTurn(row, bar);
    row.status.textContent = "Uploaded";
  } catch (error) {
    if (error instanceof Problem && !error.passing) row.faults = [error.message];
    else throw error;
    showFaults(row);
  }
}

/**
 * Packshot takes a few uploads at the same time and refuses the others as busy: those wait as long as it says
 * and come again. Whatever else passes by itself is tried a few times.
 */
async function sendInTurn(row, bar) {
  const giveUp = Date.now() + BUSY_MS;
  let tries = 0;
  for (;;) {
    row.status.replaceChildren(bar);
    try {
      return await send(row.file, (part) => (bar.value = part));
    } catch (error) {
      const busy = error.code === "busy" && Date.now() < giveUp;
      if (!busy) tries += 1;
      const passes = error instanceof Away || NOBODY_THERE.has(error.status);
      if (!busy && !(passes && tries < TRIES)) throw error;
      row.status.replaceChildren(busy ? "Waiting for its turn" : "Trying again", bar);
      bar.value = 0;
      const seconds = (error.retryAfter || 2) * (1 + Math.random() / 2);
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    }
  }
}

/** By XMLHttpRequest, which tells how far it is. Resolves with the raw_image. */
function send(file, progressed) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.responseType = "json";
    request.upload.addEventListener(
      "progress",
      (event) => event.lengthComputable && progressed(event.loaded / event.total),
    );
    request.addEventListener("error", () => reject(new Away("the upload broke off")));
    request.addEventListener("load", () => {
      if (request.status === 201) resolve(request.response.data.raw_image);
      else reject(new Problem(
        request.status,
        request.response,
        Number(request.getResponseHeader("Retry-After")) || 0,
      ));
    });
    request.open("POST", "/api/uploads");
    const body = new FormData();
    body.append("file", file);
    request.send(body);
  });
}

/** All in one request, as the API takes them; more than it takes in several. */
async function create() {
  const batches = [];
  for (let from = 0; from < rows.length; from += IN_ONE_REQUEST) {
    const part = rows.slice(from, from + IN_ONE_REQUEST);
    const body = { products: part.map(asProduct) };
    const answer = await call(
      "POST",
      "/api/products/bulk",
      { body, headers: { "Idempotency-Key": keyOf(body) } },
    );
    batches.push(answer.body.data.products);
  }
  follow(batches.flat());
  announce(`${many(rows.length, "product")} created. Their pictures are being made.`);
  forget();
}

/** The same body gets the same key, so that sending it again after a lost answer makes nothing twice. */
function keyOf(body) {
  const text = JSON.stringify(body);
  if (!keys.has(text)) keys.set(text, unique());
  return keys.get(text);
}

function asProduct(row) {
  const given = FIELDS.map(([name]) => [name, row.fields[name]]).filter(([, value]) => value);
  return { ...Object.fromEntries(given), raw_image: row.uploaded ?? row.rawImage };
}

/** What the API says is wrong, at the line it is about. */
function tell(problem) {
  for (const fault of problem.faults) {
    const [, place, name] = fault.pointer.match(/^\/products\/(\d+)\/?(\w*)/) ?? [];
    const row = rows[Number(place)];
    if (!row) continue;
    row.faults.push(`${name.replaceAll("_", " ")} ${fault.detail}`);
    row.inputs[name]?.toggleAttribute("data-bad", true);
    showFaults(row);
  }
  toast(`Nothing was created: ${problem.message}.`, { kind: "bad", stay: true });
}

// -- progress -----------------------------------------------------------------------------------------

function forget() {
  for (const row of rows) if (row.thumb) URL.revokeObjectURL(row.thumb);
  rows.length = 0;
}

/**
 * Show how far these products and the others of their batches are. Each time one page of them is asked
 * for, those in turn that are not done; later pages become known by the ones before.
 */
function follow(created, pages = []) {
  const batches = [...new Set(created.map((product) => product.batch_id))];
  if (!pages.length) pages.push(...batches.map((batch) => ({ batch, cursor: null, products: null })));
  const cards = new Map();
  const all = h("ul", { class: "making-list" });
  const words = h("p", { class: "making-words" });
  const bar = h("progress", { max: 1, value: 0, "aria-label": "Pictures made" });
  const links = h("div", { class: "form-actions" });
  $("upload-body").replaceChildren(
    h("section", { class: "making", "aria-label": "Progress" }, words, bar, links),
    all,
  );
  history.replaceState(null, "", `/upload?${new URLSearchParams(batches.map((batch) => ["batch", batch]))}`);

  const open = () => pages.filter((page) => !page.products?.every(isDone));
  let turn = 0;
  let asked = pages[0];

  function next() {
    const left = open();
    if (left.length) asked = left.find((page) => !page.products) ?? left[turn++ % left.length];
    const { batch, cursor } = asked;
    return `/api/products?${new URLSearchParams({ batch, limit: PAGE, ...(cursor && { cursor }) })}`;
  }

  function take({ products, next_cursor: cursor }) {
    learn(pages, asked, products, cursor);
    show(products.toReversed());
  }

  function put(id, element) {
    const after = [...cards.keys()].filter((other) => other > id);
    all.insertBefore(element, after.length ? cards.get(Math.min(...after)).element : null);
  }

  function show(products) {
    for (const product of products) {
      const known = cards.get(product.id);
      if (known?.version === product.version && known.made === product.images.length) continue;
      const element = making(product);
      if (known) known.element.replaceWith(element);
      else put(product.id, element);
      cards.set(product.id, { element, product, version: product.version, made: product.images.length });
    }
    summarise([...cards.values()].map((card) => card.product));
  }

  function summarise(products) {
    const wanted = products.reduce(
      (sum, product) => sum + (isDone(product) ? product.images.length : (product.wanted ?? 3)),
      0,
    );
    const made = products.reduce((sum, product) => sum + product.images.length, 0);
    const ready = products.filter(isDone).length;
    const failed = products.filter((product) => product.status === "failed").length;
    const finished = ready === products.length && !open().length;
    words.replaceChildren(
      h(
        "strong",
        {},
        finished ? `Done: ${many(made, "picture")}` : `${count(made)} of ${many(wanted, "picture")} made`,
      ),
      ` · ${count(ready)} of ${many(products.length, "product")} ready`,
      failed ? h("span", { class: "badge bad" }, `${failed} failed`) : "",
    );
    bar.max = Math.max(1, wanted);
    bar.value = made;
    const some = products.some((product) => product.status === "pending_review");
    const review = batches.length > 1 ? "/" : `/?batch=${batches[0]}`; // the desk shows one batch, or all
    links.replaceChildren(...[
      h("a", { class: "button", href: "/upload" }, "Upload more"),
      some ? h(
        "a",
        { class: "button primary", href: review },
        finished ? "Review them" : "Review what is ready",
      ) : null,
    ].filter(Boolean));
    if (finished && !all.dataset.told) announce(
      (all.dataset.told = `All ${many(products.length, "product")} are ready`),
    );
  }

  show(created);
  poll(next, (body) => take(body.data), () => FOLLOW_MS);
}

/** What a page holds, and that there is one after it. */
function learn(pages, page, products, cursor) {
  if (cursor && !page.products) pages.push({ batch: page.batch, cursor, products: null });
  page.products = products;
}

const isDone = (product) => product.status !== "pending";

function making(product) {
  const slots = Array.from({ length: product.wanted ?? 3 }, (_, variant) => {
    const picture = product.images.find((one) => one.variant === variant);
    if (picture) return h(
      "span",
      { class: "slot" },
      image(picture, SMALL, `${product.category}, ${picture.title || `picture ${variant + 1}`}`),
    );
    return h(
      "span",
      { class: isDone(product) ? "slot none" : "slot waiting" },
      h("span", { class: "unseen" }, isDone(product) ? "No picture" : "Not made yet"),
    );
  });
  return h(
    "li",
    { class: "making-card", data: { status: product.status } },
    h(
      "p",
      { class: "making-name" },
      h("a", { href: `/products/${product.id}` }, `${product.category} #${product.id}`),
      h(
        "span",
        { class: `badge ${{ failed: "bad", pending: "" }[product.status] ?? "good"}` },
        progressWords(product),
      ),
    ),
    h(
      "div",
      { class: "slots" },
      h("span", { class: "slot raw" }, image(rawPicture(product), SMALL, `${product.category}, raw photo`)),
      slots,
    ),
    product.error ? h("p", { class: "row-error" }, icon("warning"), h("span", {}, product.error)) : null,
  );
}

function progressWords(product) {
  if (product.status === "pending") return product.attempts ? "Working" : "Waiting";
  return product.status === "pending_review" ? "Ready" : STATUS[product.status];
}

async function resume() {
  const known = [];
  const pages = [];
  try {
    for (const batch of new URLSearchParams(location.search).getAll("batch")) {
      const { products, next_cursor: cursor } = await list({ batch, limit: PAGE });
      const page = { batch, cursor: null, products: null };
      pages.push(page);
      learn(pages, page, products, cursor);
      known.push(...products);
    }
  } catch (error) {
    if (!foreseen(error)) throw error;
    toast(`The progress can't be shown: ${error.message}.`, { kind: "bad", actions: [["Try again", resume]] });
    return;
  }
  if (known.length) follow(known.sort((one, other) => one.id - other.id), pages);
}

resume();
