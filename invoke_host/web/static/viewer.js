// One picture, large, with what it was made from.

import { call } from "./api.js";

const FACTS = { Model: "model", Size: "size", Steps: "steps", "CFG scale": "cfg_scale", Seed: "seed", Scheduler: "scheduler" };

export class Viewer {
  constructor(find, gallery, reuse) {
    this.dialog = find("viewer");
    this.find = find;
    this.gallery = gallery;
    this.name = null;
    this.settings = {};
    find("close").addEventListener("click", () => this.dialog.close());
    find("star").addEventListener("click", () => this.star());
    find("delete").addEventListener("click", () => this.remove());
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

  async show(name) {
    const image = this.gallery.images.get(name);
    this.name = name;
    this.find("viewer-image").src = `/${image.image_url}`;
    this.find("viewer-image").alt = `Picture of ${image.created_at} UTC`;
    this.find("download").href = `/${image.image_url}`;
    this.find("download").download = name;
    this.showStar(image.starred);
    this.describe(image, {});
    if (!this.dialog.open) this.dialog.showModal();
    const metadata = await call("GET", `/api/v1/images/i/${encodeURIComponent(name)}/metadata`).catch(() => null);
    if (this.name === name) this.describe(image, metadata ?? {});
  }

  describe(image, metadata) {
    this.settings = metadata;
    this.find("viewer-prompt").textContent = metadata.positive_prompt ?? "";
    const facts = { ...metadata, model: metadata.model?.name ?? "", size: `${image.width} × ${image.height}` };
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
    if (!window.confirm("Delete this picture? It can't be brought back.")) return;
    const next = this.gallery.neighbour(this.name, 1) ?? this.gallery.neighbour(this.name, -1);
    await call("DELETE", `/api/v1/images/i/${encodeURIComponent(this.name)}`);
    this.gallery.remove(this.name);
    if (next) this.show(next);
    else this.dialog.close();
  }
}
