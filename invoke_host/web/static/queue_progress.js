// How far a picture is, and what it looks like so far.

import { el } from "./dom.js";
import { step } from "./queue_words.js";

export class Progress {
  constructor() {
    this.canvas = el("canvas", { class: "preview", role: "img", "aria-label": "The picture so far", width: 1, height: 1 });
    this.bar = el("progress", { max: 1, value: 0, "aria-label": "Progress of the picture" });
    this.turn = 0;
    this.drawn = null;
  }

  // `event` as the host sends it, or null while nothing is known; the words for it.
  update(event) {
    this.bar.value = event?.percentage ?? (event?.steps ? event.step / event.steps : 0);
    if (event?.image?.dataURL && event.image !== this.drawn) this.draw((this.drawn = event.image));
    return event?.steps ? step(event) : "begins";
  }

  clear() {
    this.turn += 1;
    this.drawn = null;
    this.canvas.classList.remove("drawn");
  }

  // Into a canvas, because the page's content policy keeps images from anywhere but the host's own addresses.
  async draw({ dataURL }) {
    const turn = ++this.turn;
    const bitmap = await createImageBitmap(picture(dataURL)).catch(() => null);
    if (!bitmap || turn !== this.turn) return;
    this.canvas.width = bitmap.width;
    this.canvas.height = bitmap.height;
    this.canvas.getContext("2d").drawImage(bitmap, 0, 0);
    this.canvas.classList.add("drawn");
    bitmap.close();
  }
}

function picture(dataURL) {
  const [head, data] = dataURL.split(",", 2);
  const type = head.match(/^data:(image\/[a-z]+);base64$/)?.[1];
  if (!type) return new Blob([]);
  return new Blob([Uint8Array.from(atob(data), (each) => each.charCodeAt(0))], { type });
}
