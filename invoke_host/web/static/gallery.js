// The grid of pictures, newest first: pages by cursor as one scrolls, follows what the host says has changed.

import { call } from "./api.js";

const LIST = "/api/v1/images/?limit=60&starred_first=false&is_intermediate=false";

export class Gallery {
  constructor(grid, empty, sentinel, open) {
    this.grid = grid;
    this.empty = empty;
    this.open = open;
    this.images = new Map(); // name -> picture as the host describes it, in the order of the grid
    this.cursor = null;
    this.loading = false;
    new IntersectionObserver((entries) => entries[0].isIntersecting && this.more()).observe(sentinel);
  }

  async reload() {
    this.images.clear();
    this.grid.replaceChildren();
    this.cursor = null;
    await this.page(LIST);
  }

  async more() {
    if (this.cursor) await this.page(`${LIST}&cursor=${encodeURIComponent(this.cursor)}`);
  }

  async page(path) {
    if (this.loading) return;
    this.loading = true;
    try {
      const page = await call("GET", path);
      for (const image of page.items) this.add(image, false);
      this.cursor = page.next_cursor;
      this.showEmpty();
    } finally {
      this.loading = false;
    }
  }

  async changed({ added = [], deleted = [], updated = [] }) {
    for (const name of deleted) this.remove(name);
    const names = [...added, ...updated.filter((name) => this.images.has(name))];
    for (const name of names) {
      const image = await call("GET", `/api/v1/images/i/${encodeURIComponent(name)}`).catch(() => null);
      if (!image || image.is_intermediate) continue;
      if (this.images.has(name)) this.update(image);
      else this.add(image, true);
    }
    this.showEmpty();
  }

  add(image, first) {
    if (this.images.has(image.image_name)) return;
    this.images = first
      ? new Map([[image.image_name, image], ...this.images])
      : this.images.set(image.image_name, image);
    const tile = document.createElement("button");
    const picture = document.createElement("img");
    tile.type = "button";
    tile.className = "tile";
    tile.dataset.name = image.image_name;
    tile.classList.toggle("starred", image.starred);
    tile.addEventListener("click", () => this.open(image.image_name));
    picture.loading = "lazy";
    picture.alt = `Picture of ${image.created_at} UTC`;
    picture.src = `/${image.thumbnail_url}`;
    tile.append(picture);
    if (first) this.grid.prepend(tile);
    else this.grid.append(tile);
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
