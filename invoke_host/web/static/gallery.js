// The grid of pictures, newest first: pages by cursor as one scrolls, follows what the host says has changed.

import { call } from "./api.js";
import { query } from "./rows.js";

const LIST = "/api/v1/images/";
const TRASH = "/api/v1/images/trash";

export class Gallery {
  // `open(name)` is called for the picture that was chosen, unless `picked(name)` says that it was picked.
  constructor(grid, empty, sentinel, open, picked = () => false) {
    this.grid = grid;
    this.empty = empty;
    this.open = open;
    this.picked = picked;
    this.view = { id: "all" };
    this.search = "";
    this.images = new Map(); // name -> picture as the host describes it, in the order of the grid
    this.cursor = null;
    this.loading = null;
    new IntersectionObserver((entries) => entries[0].isIntersecting && this.more().catch(() => {})).observe(sentinel);
  }

  // Shows something else. What was still on its way for the view before is thrown away.
  async show(view, search = "") {
    this.view = view;
    this.search = search;
    await this.reload();
  }

  async reload() {
    this.images.clear();
    this.grid.replaceChildren();
    this.cursor = null;
    await this.page();
  }

  async more() {
    if (this.cursor && !this.loading) await this.page(this.cursor);
  }

  async page(cursor = null) {
    const mine = (this.loading = {});
    const { view, search } = this;
    const filters = view.id === "trash" ? {} : { starred_first: false, is_intermediate: false, board_id: view.board_id, search_term: search };
    try {
      const page = await call("GET", `${view.id === "trash" ? TRASH : LIST}?${query({ limit: 60, cursor, ...filters })}`);
      if (this.loading !== mine) return; // another view was chosen meanwhile
      for (const image of page.items) this.add(image, false);
      this.cursor = page.next_cursor;
      this.showEmpty();
    } finally {
      if (this.loading === mine) this.loading = null;
    }
  }

  async changed({ added = [], deleted = [], updated = [] }) {
    if (this.view.id === "trash") {
      if (deleted.length || added.length) await this.reload();
      return;
    }
    for (const name of deleted) this.remove(name);
    if (!this.search) await Promise.all([...added, ...updated].map((name) => this.fetch(name)));
    this.showEmpty();
  }

  async fetch(name) {
    const view = this.view;
    const image = await call("GET", `/api/v1/images/i/${encodeURIComponent(name)}`).catch(() => null);
    if (view !== this.view) return;
    if (!image || !this.belongs(image)) this.remove(name);
    else if (this.images.has(name)) this.update(image);
    else if (!this.cursor || image.created_at >= (this.last()?.created_at ?? "")) this.add(image, true);
  }

  // Pictures that others took away from this reader, with their board or off it.
  gone(names) {
    names.forEach((name) => this.remove(name));
  }

  belongs(image) {
    if (image.is_intermediate) return false;
    if (this.view.board) return image.board_id === this.view.id;
    return this.view.id !== "none" || image.board_id === null;
  }

  last() {
    return [...this.images.values()].at(-1);
  }

  add(image, first) {
    if (this.images.has(image.image_name)) return;
    const tile = this.newTile(image);
    const next = first && [...this.images.values()].find((each) => each.created_at <= image.created_at);
    this.images.set(image.image_name, image);
    if (next) this.grid.insertBefore(tile, this.tile(next.image_name));
    else this.grid.append(tile);
    if (first) this.images = new Map([...this.grid.children].map(({ dataset }) => [dataset.name, this.images.get(dataset.name)]));
  }

  newTile(image) {
    const tile = document.createElement("button");
    const picture = document.createElement("img");
    tile.type = "button";
    tile.className = "tile";
    tile.dataset.name = image.image_name;
    tile.classList.toggle("starred", image.starred);
    tile.addEventListener("click", (event) => this.picked(image.image_name, event) || this.open(image.image_name));
    picture.loading = "lazy";
    picture.alt = `Picture of ${image.created_at} UTC`;
    picture.src = `/${image.thumbnail_url}`;
    tile.append(picture);
    return tile;
  }

  update(image) {
    this.images.set(image.image_name, image);
    this.tile(image.image_name)?.classList.toggle("starred", image.starred);
  }

  remove(name) {
    this.images.delete(name);
    this.tile(name)?.remove();
    this.showEmpty();
  }

  neighbour(name, step) {
    const names = [...this.images.keys()];
    return names[names.indexOf(name) + step];
  }

  tile(name) {
    return [...this.grid.children].find((tile) => tile.dataset.name === name);
  }

  showEmpty() {
    this.empty.hidden = this.images.size > 0;
  }
}
