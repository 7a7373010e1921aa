// The list of boards beside the pictures: what one sees there is what the host lets this user see.

import { call } from "./api.js";
import { button, el } from "./dom.js";

const LIST = "/api/v1/boards/?all=true&include_archived=true&order_by=board_name&direction=ASC";
const SHOWN = { private: "", shared: "Everybody may look", public: "Everybody may add pictures" };

// What the gallery can show: everything, what is on no board, one board, the trash. `id` is what stands in the address.
export const ALL = { id: "all", title: "All pictures" };
export const NONE = { id: "none", title: "On no board", board_id: "none" };
export const TRASH = { id: "trash", title: "Trash" };

export class Boards {
  // `choose(view)` is called with what is to be shown; `alone` is true in single-user mode.
  constructor(node, choose, create) {
    Object.assign(this, { node, choose, create });
    this.boards = new Map();
    this.user = null;
    this.current = ALL;
    this.reading = null;
    window.addEventListener("hashchange", () => this.follow());
  }

  async reload() {
    const boards = await call("GET", LIST);
    this.boards = new Map(boards.map((board) => [board.board_id, board]));
    this.follow();
  }

  // Many events come at once when many pictures change; one reading answers them all.
  later() {
    this.reading ??= setTimeout(() => {
      this.reading = null;
      this.reload().catch(() => {});
    }, 300);
  }

  // Takes up what the address says; a board that is gone leads back to everything.
  follow() {
    const id = decodeURIComponent(window.location.hash.slice(1));
    const board = this.boards.get(id);
    const view = board ? viewOf(board) : [NONE, TRASH].find((each) => each.id === id) ?? ALL;
    const changed = view.id !== this.current.id;
    this.current = view;
    this.draw();
    this.choose(view, changed);
  }

  go(view) {
    window.location.hash = view.id === ALL.id ? "" : encodeURIComponent(view.id);
  }

  // Boards that the user may put pictures on.
  open() {
    return [...this.boards.values()].filter((board) => !board.archived && board.permissions.includes("add"));
  }

  draw() {
    const boards = [...this.boards.values()];
    const own = boards.filter((board) => !board.archived && this.isOwn(board));
    const others = boards.filter((board) => !board.archived && !this.isOwn(board));
    const archived = boards.filter((board) => board.archived);
    const scrolled = this.node.scrollTop;
    const whole = el("div", {},
      this.list([ALL, NONE].map((view) => this.link(view))),
      el("div", { class: "boards-head" }, el("h2", {}, "Boards"), button("New", () => this.create(), { class: "small", "aria-label": "New board" })),
      own.length ? this.list(own.map((board) => this.card(board))) : el("p", { class: "quiet" }, "A board keeps pictures together, and you can share it."),
      others.length > 0 && [el("h2", {}, "Of others"), this.list(others.map((board) => this.card(board)))],
      archived.length > 0 && el("details", { open: archived.some((board) => board.board_id === this.current.id) },
        el("summary", {}, `Archived (${archived.length})`), this.list(archived.map((board) => this.card(board)))),
      this.list([this.link(TRASH)]));
    this.node.replaceChildren(...whole.children);
    this.node.scrollTop = scrolled;
  }

  isOwn(board) {
    return this.user === null || board.user_id === this.user.user_id;
  }

  list(items) {
    return el("ul", {}, items.map((item) => el("li", {}, item)));
  }

  link(view) {
    return el("a", { href: `#${view.id === ALL.id ? "" : view.id}`, ...this.mark(view) }, view.title);
  }

  card(board) {
    const total = board.image_count + board.asset_count;
    const cover = board.cover_image_name
      ? el("img", { src: `/api/v1/images/i/${encodeURIComponent(board.cover_image_name)}/thumbnail`, alt: "", loading: "lazy" })
      : el("span", { class: "no-cover" });
    const notes = [`${total} ${total === 1 ? "picture" : "pictures"}`, !this.isOwn(board) && `by ${board.owner_username}`, SHOWN[board.board_visibility]];
    return el("a", { href: `#${encodeURIComponent(board.board_id)}`, class: "board", ...this.mark(viewOf(board)) }, cover,
      el("span", { class: "board-name" }, board.board_name), el("small", { class: "quiet" }, notes.filter(Boolean).join(" · ")));
  }

  mark(view) {
    return { "aria-current": view.id === this.current.id ? "page" : null };
  }
}

export function viewOf(board) {
  return { id: board.board_id, title: board.board_name, board_id: board.board_id, board };
}
