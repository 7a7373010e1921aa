// What all users have used: today and this month, and what they have in the queue.

import { call } from "./api.js";
import { el } from "./dom.js";
import { span } from "./queue_words.js";
import { SearchedList, query } from "./rows.js";

const COLUMNS = [
  ["Waiting", (user) => user.pending],
  ["Running", (user) => user.in_progress],
  ["Pictures today", (user) => user.day.images],
  ["Pictures this month", (user) => user.month.images],
  ["Device time today", (user) => user.day.engine_s, span],
  ["Device time this month", (user) => user.month.engine_s, span],
];

export class UsageTable extends SearchedList {
  constructor(place) {
    super(place, "Nobody.", async (search, cursor) => {
      const { items, next_cursor: next } = await call("GET", `/api/v1/usage?${query({ search, cursor, limit: 50 })}`);
      return { items, next };
    });
  }

  show() {
    const head = el("tr", {}, el("th", { scope: "col" }, "User"), COLUMNS.map(([title]) => el("th", { scope: "col" }, title)));
    const body = el("tbody", {}, this.items.map(line));
    this.place.replaceChildren(this.items.length ? el("table", { class: "limits" }, el("thead", {}, head), body) : el("p", { class: "empty" }, this.empty));
  }
}

function line(user) {
  const name = user.display_name || user.email;
  return el("tr", {}, el("th", { scope: "row" }, name, user.display_name && el("small", { class: "quiet" }, user.email)),
    COLUMNS.map(([title, value, told = (number) => number.toLocaleString()]) => cell(title, value(user), told)));
}

const cell = (title, value, told) => el("td", { "data-label": title, class: value ? "" : "quiet" }, value ? told(value) : "–");
