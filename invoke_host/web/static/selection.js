// Picking several pictures, and doing one thing with all of them.

import { call } from "./api.js";
import { button, el } from "./dom.js";

const MOST = 1000; // names that one request may hold

export class Selection {
  constructor(bar, gallery, { moved, say }) {
    Object.assign(this, { bar, gallery, moved, say });
    this.names = new Set();
    this.active = false;
    this.last = null;
  }

  // With a first click on "Select", or with Ctrl or Shift held, a click picks instead of opening.
  picked(name, event) {
    if (!this.active && !event.ctrlKey && !event.metaKey && !event.shiftKey) return false;
    this.active = true;
    const names = [...this.gallery.images.keys()];
    if (event.shiftKey && this.last) {
      const [from, to] = [names.indexOf(this.last), names.indexOf(name)].sort((a, b) => a - b);
      names.slice(Math.max(from, 0), to + 1).forEach((each) => this.names.add(each));
    } else if (!this.names.delete(name)) {
      this.names.add(name);
    }
    this.last = name;
    this.draw();
    return true;
  }

  start() {
    this.active = true;
    this.draw();
  }

  stop() {
    this.active = false;
    this.names.clear();
    this.draw();
  }

  // `view` and `boards`: where the pictures are, and where they could go.
  at(view, boards) {
    Object.assign(this, { view, boards });
    this.stop();
  }

  draw() {
    this.gallery.grid.classList.toggle("picking", this.active);
    for (const tile of this.gallery.grid.children) {
      const picked = this.names.has(tile.dataset.name);
      if (this.active) tile.setAttribute("aria-pressed", String(picked));
      else tile.removeAttribute("aria-pressed");
    }
    this.bar.hidden = !this.active;
    if (!this.active) return;
    const many = this.names.size > 0;
    const act = (text, action, more = {}) => button(text, () => this.act(action), { disabled: !many, ...more });
    this.bar.replaceChildren(el("strong", { role: "status" }, `${this.names.size} picked`), ...this.actions(act),
      button("Pick all shown", () => this.all()), button("Done", () => this.stop()));
  }

  actions(act) {
    if (this.view?.id === "trash") {
      return [act("Restore", (names) => call("POST", "/api/v1/images/trash/restore", { image_names: names })),
        act("Delete for good", (names) => call("POST", "/api/v1/images/trash/purge", { image_names: names }), { class: "danger" })];
    }
    return [this.target(), act("Star", (names) => call("POST", "/api/v1/images/star", { image_names: names })),
      act("Download", (names) => this.download(names)),
      act("Delete", (names) => call("POST", "/api/v1/images/delete", { image_names: names }), { class: "danger" })];
  }

  target() {
    const targets = this.boards().filter((board) => board.board_id !== this.view?.id);
    const select = el("select", { "aria-label": "Move to", disabled: this.names.size === 0,
      on: { change: () => select.value && this.act((names) => this.move(names, select.value)) } },
    el("option", { value: "" }, "Move to …"), this.view?.id !== "none" && el("option", { value: "none" }, "no board"),
    targets.map((board) => el("option", { value: board.board_id }, board.board_name)));
    return select;
  }

  move(names, board) {
    return board === "none"
      ? call("POST", "/api/v1/board_images/batch/delete", { image_names: names })
      : call("POST", "/api/v1/board_images/batch", { board_id: board, image_names: names });
  }

  async download(names) {
    const { bulk_download_item_name: item } = await call("POST", "/api/v1/images/download", { image_names: names });
    const path = `/api/v1/images/download/${encodeURIComponent(item)}`;
    this.waiting?.(item, () => {
      const link = el("a", { href: path, download: item });
      document.body.append(link);
      link.click();
      link.remove();
    });
    return {};
  }

  all() {
    this.gallery.images.forEach((_, name) => this.names.add(name));
    this.draw();
  }

  async act(action) {
    const names = [...this.names];
    let failed = 0;
    await this.say(async () => {
      for (let at = 0; at < names.length; at += MOST) {
        const answer = await action(names.slice(at, at + MOST));
        failed += answer.failed_images?.length ?? 0;
      }
      if (failed) throw new Error(`${failed} of ${names.length} could not be changed: they are not yours to change.`);
    });
    this.stop();
    this.moved();
  }
}
