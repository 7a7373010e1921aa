// One picture, large, with what it was made from.

import { call, sentences } from "./api.js";

const FACTS = { Model: "model", Size: "size", Steps: "steps", "CFG scale": "cfg_scale", Seed: "seed", Scheduler: "scheduler", By: "by" };

export class Viewer {
  // `reuse(settings)` takes over how a picture was made; `trashed(names)` hears of what was put into the trash.
  constructor(find, gallery, reuse, trashed) {
    this.trashed = trashed;
    this.dialog = find("viewer");
    this.find = find;
    this.gallery = gallery;
    this.name = null;
    this.settings = {};
    find("close").addEventListener("click", () => this.dialog.close());
    find("star").addEventListener("click", () => this.carefully(() => this.star()));
    find("delete").addEventListener("click", () => this.carefully(() => this.remove()));
    find("reuse").addEventListener("click", () => {
      reuse(this.settings);
      this.dialog.close();
    });
    this.dialog.addEventListener("click", (event) => event.target === this.dialog && this.dialog.close());
    this.dialog.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      const name = step && this.gallery.neighbour(this.name, step);
      if (name) this.show(name);
    });
  }

  // `mine(image)`: whether this user may change it, as far as the page can know; the host has the last word.
  async show(name, mine) {
    const image = this.gallery.images.get(name);
    this.name = name;
    this.mine = mine ?? this.mine;
    for (const id of ["star", "delete"]) this.find(id).hidden = !this.mine(image);
    this.find("viewer-image").src = `/${image.image_url}`;
    this.find("viewer-image").alt = `Picture of ${image.created_at} UTC`;
    this.find("download").href = `/${image.image_url}`;
    this.find("download").download = name;
    this.showStar(image.starred);
    this.describe(image, {});
    this.find("viewer-problems").hidden = true;
    if (!this.dialog.open) this.dialog.showModal();
    const metadata = await call("GET", `/api/v1/images/i/${encodeURIComponent(name)}/metadata`).catch(() => null);
    if (this.name === name) this.describe(image, metadata ?? {});
  }

  describe(image, metadata) {
    this.settings = metadata;
    this.find("viewer-prompt").textContent = metadata.positive_prompt ?? "";
    const facts = { ...metadata, model: metadata.model?.name ?? "", size: `${image.width} × ${image.height}`, by: image.owner_username ?? "" };
    this.find("viewer-facts").replaceChildren(
      ...Object.entries(FACTS).flatMap(([title, key]) => {
        if (facts[key] === undefined || facts[key] === "") return [];
        const term = document.createElement("dt");
        const value = document.createElement("dd");
        term.textContent = title;
        value.textContent = String(facts[key]);
        return [term, value];
      }),
    );
  }

  async carefully(action) {
    try {
      await action();
    } catch (error) {
      this.find("viewer-problems").textContent = sentences(error).join(" ");
      this.find("viewer-problems").hidden = false;
    }
  }

  showStar(starred) {
    this.find("star").setAttribute("aria-pressed", String(starred));
    this.find("star").textContent = starred ? "★ Starred" : "☆ Star";
  }

  async star() {
    const starred = this.find("star").getAttribute("aria-pressed") !== "true";
    const image = await call("PATCH", `/api/v1/images/i/${encodeURIComponent(this.name)}`, { starred });
    this.gallery.update(image);
    this.showStar(image.starred);
  }

  async remove() {
    const next = this.gallery.neighbour(this.name, 1) ?? this.gallery.neighbour(this.name, -1);
    await call("DELETE", `/api/v1/images/i/${encodeURIComponent(this.name)}`);
    this.trashed([this.name]);
    this.gallery.remove(this.name);
    if (next) this.show(next);
    else this.dialog.close();
  }
}
