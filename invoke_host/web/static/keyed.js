// Lists that change while one looks at them: a row that stays keeps its element, and with it the focus and its place.

// Makes `list` show `items` in order. `make(item)` answers {node, update}; `update(item)` is called for rows that stay.
export class Keyed {
  constructor(list, key, make) {
    Object.assign(this, { list, key, make });
    this.rows = new Map();
  }

  show(items) {
    const wanted = new Set(items.map(this.key));
    const focused = document.activeElement;
    for (const [key, row] of this.rows) {
      if (wanted.has(key)) continue;
      const lost = row.node.contains(focused);
      const next = row.node.nextElementSibling ?? row.node.previousElementSibling;
      row.node.remove();
      this.rows.delete(key);
      // Whoever works with the keyboard goes on at the row that has moved up.
      if (lost) (next?.querySelector("button:not([disabled])") ?? this.list.closest("[tabindex]"))?.focus();
    }
    let before = this.list.firstElementChild;
    for (const item of items) {
      const key = this.key(item);
      let row = this.rows.get(key);
      if (!row) this.rows.set(key, (row = this.make(item)));
      row.update(item);
      if (row.node === before) before = before.nextElementSibling;
      else this.list.insertBefore(row.node, before);
    }
    this.list.hidden = items.length === 0;
  }
}
