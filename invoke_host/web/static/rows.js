// A list of things with a line of facts each and buttons beside it, paged by cursor, and the form that searches it.

import { sentences } from "./api.js";
import { el } from "./dom.js";

// One row: what it is, facts about it (null ones are left out), and what can be done with it.
export function row(title, facts, ...actions) {
  const line = facts.filter((fact) => fact !== null && fact !== undefined && fact !== "");
  const spread = line.flatMap((fact, index) => (index ? [" · ", fact] : [fact]));
  return el("li", {}, el("div", { class: "what" }, el("div", {}, title), el("div", { class: "quiet" }, spread)),
    el("div", { class: "actions" }, actions));
}

export function rows(items, empty) {
  return items.length ? el("ul", { class: "rows" }, items) : el("p", { class: "quiet" }, empty);
}

export function oops(error) {
  return el("ul", { class: "problems", role: "alert" }, sentences(error).map((text) => el("li", {}, text)));
}

const TYPING_MS = 250;

// A page with #search, #term, #more, #total and a place for rows. `read(term, cursor)` resolves to {items, total, next};
// without a total where nobody counts.
export class SearchedList {
  constructor(place, empty, read, draw) {
    Object.assign(this, { place, empty, read, draw });
    this.find = (id) => document.getElementById(id);
    this.turn = 0;
    this.find("more").addEventListener("click", () => this.more());
    this.find("search").addEventListener("submit", (event) => {
      event.preventDefault();
      this.reload();
    });
    this.find("term").addEventListener("input", () => {
      clearTimeout(this.waiting);
      this.waiting = setTimeout(() => this.reload(), TYPING_MS);
    });
  }

  reload() {
    this.items = [];
    this.cursor = "";
    return this.more();
  }

  // An answer to a search that is not asked for any more is thrown away.
  async more() {
    const turn = ++this.turn;
    try {
      const { items, total, next } = await this.read(this.find("term").value.trim(), this.cursor);
      if (turn !== this.turn) return;
      this.items.push(...items);
      this.cursor = next ?? "";
      this.find("more").hidden = !next;
      this.find("total").textContent = total === undefined ? "" : `${this.items.length} of ${total}`;
      this.show();
    } catch (error) {
      if (turn === this.turn) this.place.replaceChildren(oops(error));
    }
  }

  show() {
    this.place.replaceChildren(rows(this.items.map(this.draw), this.empty));
  }
}

// The query part of an address, without empty values.
export const query = (values) =>
  new URLSearchParams(Object.entries(values).filter(([, value]) => value !== "" && value !== null && value !== undefined)).toString();
