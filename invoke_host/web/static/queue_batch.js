// How far a batch is: one line for all the pictures that were asked for together.

import { button, el } from "./dom.js";
import { plural } from "./queue_words.js";

export class BatchRow {
  constructor(cancel) {
    this.words = el("div", { class: "item-prompt" });
    this.facts = el("div", { class: "quiet" });
    this.bar = el("progress", { max: 1, value: 0, "aria-label": "Progress of the batch" });
    this.cancel = button("Cancel", () => {
      cancel(this.batch.batch_id);
    });
    this.node = el("li", { class: "item batch" }, el("div", { class: "what" }, this.words, this.facts, this.bar), el("div", { class: "actions" }, this.cancel));
  }

  update(batch) {
    this.batch = batch;
    const asked = batch.total - batch.canceled; // which may have been asked for again, as items of the same batch
    const left = batch.pending + batch.in_progress;
    const [first, second, ...more] = batch.prompts;
    this.words.textContent = [first, second, more.length > 0 && "…"].filter(Boolean).join(" / ");
    this.cancel.setAttribute("aria-label", `Cancel the batch of ${asked}`);
    this.facts.textContent = [`Batch of ${plural(asked, "picture")}`, `${batch.completed.toLocaleString()} done`, `${left.toLocaleString()} to go`, batch.failed && `${batch.failed} failed`]
      .filter(Boolean).join(" · ");
    this.bar.max = asked;
    this.bar.value = asked - left;
  }
}
