// The start page: a prompt, the queue, the pictures. No framework; everything the host says is set as text, never as HTML.

import { ApiError, call, sentences } from "./api.js";
import { Gallery } from "./gallery.js";
import { Queue } from "./queue.js";
import { open } from "./shell.js";
import { Viewer } from "./viewer.js";

const RETRY_MS = 5000;
const find = (id) => document.getElementById(id);
const form = find("composer");

const gallery = new Gallery(find("gallery"), find("empty"), find("more"), (name) => viewer.show(name));
const viewer = new Viewer(find, gallery, reuse);
const queue = new Queue(find, say);

function say(problems) {
  const list = find("problems");
  list.hidden = problems.length === 0;
  list.replaceChildren(
    ...problems.map((text) => Object.assign(document.createElement("li"), { textContent: text })),
  );
}

function wish() {
  const body = {};
  for (const field of form.elements) {
    if (!field.name || field.value === "") continue;
    body[field.name] = field.type === "number" ? Number(field.value) : field.value;
  }
  return body;
}

function reuse(settings) {
  const values = { ...settings, model: settings.model?.key ?? settings.model ?? "", count: 1 };
  for (const field of form.elements) {
    if (field.name && values[field.name] !== undefined) field.value = values[field.name];
  }
  find("prompt").focus();
}

async function generate(event) {
  event?.preventDefault();
  if (!form.reportValidity()) return;
  try {
    await call("POST", "/api/v1/queue/default/generate", wish());
    say([]);
    queue.refresh();
  } catch (error) {
    say(sentences(error));
    if (!(error instanceof ApiError)) throw error;
  }
}

let multiuser = false;
let events = null;

// The browser connects again by itself after a cut. What it can't know: whether the session still stands.
function listen() {
  events = new EventSource("/api/v1/events");
  const on = (kind, action) => events.addEventListener(kind, (event) => action(JSON.parse(event.data)));
  on("images_changed", (change) => gallery.changed(change));
  on("progress", (progress) => queue.progress(progress));
  on("batch_enqueued", () => queue.refresh());
  on("queue_item_status_changed", (item) => queue.finished(item));
  on("queue_items_changed", () => queue.refresh());
  on("resync", start);
  events.onopen = () => show("live");
  events.onerror = cut;
}

async function cut() {
  const stream = events;
  show("reconnecting");
  if (multiuser && !(await shell.recheck())) return;
  // An answer that is no stream ends the browser's tries; ours go on, slowly.
  if (stream === events && stream.readyState === EventSource.CLOSED) setTimeout(() => stream === events && listen(), RETRY_MS);
}

function hush() {
  events?.close();
  events = null;
  show("stopped");
}

function show(state) {
  find("connection").textContent = state;
  find("connection").className = `badge ${state}`;
}

let unread = false; // the pictures could not be loaded, and the page says so

async function start() {
  queue.refresh();
  try {
    await gallery.reload();
    if (unread) say([]); // what else is said is about a request, and stays
    unread = false;
  } catch (error) {
    unread = true;
    say(sentences(error));
  }
}

async function facts() {
  const { version } = await call("GET", "/api/v1/app/version");
  find("version").textContent = version;
  const { models } = await call("GET", "/api/v2/models/");
  const chosen = form.elements.model.value;
  form.elements.model.length = 1; // the default stays
  for (const model of models) {
    const option = document.createElement("option");
    option.value = model.key;
    option.textContent = model.name;
    form.elements.model.append(option);
  }
  form.elements.model.value = chosen;
}

form.addEventListener("submit", generate);
find("prompt").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) generate(event);
});

const shell = open({
  begin(user) {
    multiuser = user !== null;
    find("prompt").focus();
    listen();
    facts().catch((error) => say(sentences(error)));
    start();
  },
  end: hush,
});
