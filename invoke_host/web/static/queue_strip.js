// The line below the prompt: the own picture that is being made, or when the next one begins.

import { button, el } from "./dom.js";
import { Progress } from "./queue_progress.js";
import { place, plural } from "./queue_words.js";

export class Strip {
  // `cancel(item_id)` and `open()` are what its buttons do.
  constructor(node, { cancel, open }) {
    this.node = node;
    this.progress = new Progress();
    this.text = el("span", { class: "strip-text" });
    this.item = null;
    this.cancel = button("Cancel this one", () => cancel(this.item), { class: "small" });
    const more = button("Show the queue", open, { class: "small" });
    this.progress.bar.id = "progress";
    node.replaceChildren(this.progress.canvas, el("div", { class: "what" }, this.text, this.progress.bar),
      el("div", { class: "actions" }, this.cancel, more));
  }

  // `counts` as the host tells them, `running` the event of an own item or its id alone, `next` an own item that waits.
  // Beside the open panel it would say everything twice.
  show({ counts, running, next, now, paused, open }) {
    const own = counts.user_pending + counts.user_in_progress;
    this.node.hidden = own === 0 || open;
    this.item = running?.item_id ?? null;
    this.cancel.hidden = this.item === null;
    this.progress.bar.hidden = this.progress.canvas.hidden = running === null;
    if (running === null) {
      this.progress.clear();
      this.text.textContent = waiting(counts.user_pending, next, now, paused);
      return;
    }
    const behind = counts.user_pending ? [`${counts.user_pending.toLocaleString()} more waiting`] : [];
    this.text.textContent = [this.progress.update(running), ...behind].join(" · ");
  }
}

function waiting(count, next, now, paused) {
  const many = `${plural(count, "picture")} ${count === 1 ? "waits" : "wait"}`;
  if (paused) return `${many} · paused`;
  return next ? `${many} · ${place(next, now)}` : many;
}
