// The start page: boards, a prompt, the queue, the pictures. No framework; everything the host says is set as text, never
// as HTML.

import { ApiError, call, sentences } from "./api.js";
import { archiveBoard, createBoard, deleteBoard, leaveBoard, renameBoard } from "./board_dialogs.js";
import { ALL, Boards, viewOf } from "./boards.js";
import { button, el } from "./dom.js";
import { Downloads } from "./downloads.js";
import { Gallery } from "./gallery.js";
import { confirm } from "./modal.js";
import { PromptLines } from "./prompts.js";
import { Queue } from "./queue.js";
import { Selection } from "./selection.js";
import { shareBoard } from "./share.js";
import { open } from "./shell.js";
import { Upload } from "./upload.js";
import { Viewer } from "./viewer.js";

const RETRY_MS = 5000;
const TYPING_MS = 250;
const find = (id) => document.getElementById(id);
const form = find("composer");

let view = ALL;
let user = null;
let multiuser = false;
let events = null;
let unread = false; // the pictures could not be loaded, and the page says so

const gallery = new Gallery(find("gallery"), find("empty"), find("more"), openPicture, (name, event) => selection.picked(name, event));
const viewer = new Viewer(find, gallery, reuse, trashed);
const queue = new Queue(find, say);
const boards = new Boards(find("boards"), choose, makeBoard);
const selection = new Selection(find("selection"), gallery, { say: carefully, moved: () => start() });
const downloads = new Downloads(say);
selection.waiting = (item, fetch) => downloads.wait(item, fetch);
const lines = new PromptLines({ box: find("lines"), prompt: find("prompt"), count: form.elements.count, note: find("lines-count") });
new Upload({ input: find("files"), bar: find("uploading"), board: () => view.board?.board_id ?? null, say, done: () => boards.later() });

function say(problems) {
  const list = find("problems");
  list.hidden = problems.length === 0;
  list.replaceChildren(
    ...problems.map((text) => Object.assign(document.createElement("li"), { textContent: text })),
  );
}

// Does it, and tells on the page what went wrong.
async function carefully(action) {
  try {
    const answer = await action();
    say([]);
    return answer;
  } catch (error) {
    say(error instanceof ApiError ? sentences(error) : [error.message]);
    return null;
  }
}

function wish() {
  const body = {};
  for (const field of form.elements) {
    if (!field.name || field.value === "") continue;
    body[field.name] = field.type === "number" ? Number(field.value) : field.value;
  }
  if (view.board?.permissions.includes("add")) body.board_id = view.board.board_id;
  return { ...body, ...lines.wish() };
}

function reuse(settings) {
  const values = { ...settings, model: settings.model?.key ?? settings.model ?? "", count: 1 };
  for (const field of form.elements) {
    if (field.name && values[field.name] !== undefined) field.value = values[field.name];
    if (field.selectedIndex === -1) field.selectedIndex = 0; // a model that is gone by now: the default
  }
  find("prompt").focus();
}

async function generate(event) {
  event?.preventDefault();
  if (!form.reportValidity()) return;
  try {
    queue.enqueued(await call("POST", "/api/v1/queue/default/generate", wish()));
    say([]);
  } catch (error) {
    say(sentences(error));
    if (!(error instanceof ApiError)) throw error;
  }
}

// What the host would let this user change, as far as the page can tell.
function mine(image) {
  return user === null || user.is_admin || image.user_id === user.user_id || view.board?.permissions.includes("curate");
}

function openPicture(name) {
  if (view.id === "trash") selection.picked(name, { ctrlKey: true });
  else viewer.show(name, mine);
}

// Deleting is no catastrophe, so nobody is asked before: it can be undone for as long as the trash keeps it.
function trashed(names) {
  const undo = button("Undo", async () => {
    find("notice").hidden = true;
    await carefully(() => call("POST", "/api/v1/images/trash/restore", { image_names: names }));
    start();
  }, { class: "small" });
  find("notice").replaceChildren("Moved to the trash. ", undo);
  find("notice").hidden = false;
  boards.later();
}

async function makeBoard() {
  const board = await createBoard();
  if (board === null) return;
  await boards.reload();
  boards.go(viewOf(board));
}

function choose(next, changed) {
  view = next;
  title();
  selection.at(view, () => boards.open());
  if (changed) {
    find("notice").hidden = true;
    find("term").value = "";
    load();
  }
}

function title() {
  const { board } = view;
  find("view-title").textContent = view.title;
  find("composer").hidden = view.id === "trash";
  find("search").hidden = view.id === "trash";
  find("into").textContent = board ? (board.permissions.includes("add") ? `New pictures go to “${board.board_name}”.` : "New pictures do not go to this board: you may only look.") : "";
  find("view-actions").replaceChildren(...actions(board));
  find("view-facts").textContent = board ? facts_of(board) : "";
  find("empty").textContent = view.id === "trash" ? "The trash is empty."
    : board ? "Nothing on this board yet." : "No pictures yet. Say what you would like to see, and press Generate.";
}

function facts_of(board) {
  const shown = { private: "", shared: "everybody may look", public: "everybody may add" }[board.board_visibility];
  return [board.owner_username && !boards.isOwn(board) && `by ${board.owner_username}`, shown, board.archived && "archived"].filter(Boolean).join(" · ");
}

function actions(board) {
  const then = (action) => async () => {
    if (await carefully(action)) await boards.reload();
  };
  const may = (what) => board?.permissions.includes(what);
  const own = [
    may("share") && multiuser && button("Share", then(() => shareBoard(board, user))),
    may("edit") && button("Rename", then(() => renameBoard(board))),
    may("edit") && button(board.archived ? "Take out of the archive" : "Archive", then(() => archiveBoard(board))),
    may("delete") && button("Delete", then(() => deleteBoard(board)), { class: "danger" }),
    board && multiuser && !may("share") && board.board_visibility === "private" && button("Leave", then(() => leaveBoard(board))),
  ];
  const trash = view.id === "trash" && button("Empty the trash", then(emptyTrash), { class: "danger" });
  return [...own, trash, button("Select", () => selection.start())].filter(Boolean);
}

function emptyTrash() {
  return confirm("Empty the trash?", "The pictures in it that are yours are deleted for good.", "Empty the trash",
    () => call("DELETE", "/api/v1/images/trash")).then((done) => done && load());
}

// The browser connects again by itself after a cut. What it can't know: whether the session still stands.
function listen() {
  events = new EventSource("/api/v1/events");
  const on = (kind, action) => events.addEventListener(kind, (event) => action(JSON.parse(event.data)));
  on("images_changed", (change) => {
    gallery.changed(change);
    boards.later();
  });
  on("images_gone", (gone) => gallery.gone(gone.image_names));
  on("boards_changed", () => boards.later());
  on("boards_gone", () => start());
  on("progress", (event) => queue.stepped(event));
  on("queue_counts_changed", (counts) => queue.counts(counts));
  on("batch_enqueued", () => queue.refresh());
  on("queue_item_status_changed", (item) => queue.changed(item));
  on("queue_items_changed", (change) => queue.gone(change));
  on("bulk_download_complete", (item) => downloads.ready(item.bulk_download_item_name));
  on("bulk_download_error", (item) => downloads.failed(item.bulk_download_item_name));
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
  queue.end();
  events?.close();
  events = null;
  show("stopped");
}

function show(state) {
  find("connection").textContent = state;
  find("connection").className = `badge ${state}`;
}

async function start() {
  queue.refresh();
  await boards.reload().catch((error) => say(sentences(error)));
  await load();
}

async function load() {
  try {
    await gallery.show(view, find("term").value.trim());
    selection.draw();
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
  for (const model of models) form.elements.model.append(el("option", { value: model.key }, model.name));
  form.elements.model.value = chosen;
}

let typing = null;
find("term").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(load, TYPING_MS);
});
find("search").addEventListener("submit", (event) => {
  event.preventDefault();
  load();
});
find("upload").addEventListener("click", () => find("files").click());
form.addEventListener("submit", generate);
find("prompt").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) generate(event);
});

const shell = open({
  begin(who) {
    user = who;
    multiuser = who !== null;
    boards.user = who;
    queue.begin(who);
    find("prompt").focus();
    listen();
    facts().catch((error) => say(sentences(error)));
    start();
  },
  end: hush,
});
