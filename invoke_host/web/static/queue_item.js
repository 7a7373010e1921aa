// Rows of the queue's panel: own items with all that is known, items of others as quiet lines.

import { button, el } from "./dom.js";
import { Progress } from "./queue_progress.js";
import { place } from "./queue_words.js";

const ENDED = { failed: "Failed", canceled: "Canceled" };

// An own item, and for administrators anybody's. `act(name, item)` does what a button says: cancel, retry or remove.
export class ItemRow {
  // `look()` answers {now, progress}: the host's time, and what is known of running items by id.
  constructor(act, look) {
    Object.assign(this, { act, look });
    this.progress = new Progress();
    this.prompt = el("div", { class: "item-prompt" });
    this.facts = el("div", { class: "item-facts quiet" });
    this.actions = el("div", { class: "actions" });
    this.node = el("li", { class: "item" }, this.progress.canvas,
      el("div", { class: "what" }, this.prompt, this.facts, this.progress.bar), this.actions);
  }

  update(item) {
    const running = item.status === "in_progress";
    this.item = item;
    this.node.dataset.status = item.status;
    this.prompt.textContent = item.request?.positive_prompt ?? "A picture";
    this.prompt.title = details(item.request);
    this.progress.canvas.hidden = this.progress.bar.hidden = !running;
    if (!running) this.progress.clear();
    this.facts.replaceChildren(...this.told(item));
    this.offer(item);
  }

  // Between two readings of the lists: a step was made.
  stepped() {
    this.facts.replaceChildren(...this.told(this.item));
  }

  told(item) {
    const owner = item.user_display_name || item.user_email;
    const by = this.look().shows(item) && owner ? [`by ${owner} · `] : [];
    if (item.status === "in_progress") {
      const event = this.look().progress.get(item.item_id);
      const again = item.attempt > 1 && `try ${item.attempt}`;
      return [...by, [this.progress.update(event), event?.device ?? item.device, again].filter(Boolean).join(" · ")];
    }
    if (item.status === "pending") return [...by, place(item, this.look().now, this.look().paused)];
    const reason = item.error_message && item.status === "failed" ? `: ${item.error_message}` : "";
    return [...by, el("span", { class: item.status === "failed" ? "danger reason" : "" }, `${ENDED[item.status] ?? item.status}${reason}`)];
  }

  offer(item) {
    const ended = item.status in ENDED;
    if (this.offered === ended) return;
    this.offered = ended;
    const offers = ended ? [["retry", "Retry"], ["remove", "Remove"]] : [["cancel", "Cancel"]];
    this.actions.replaceChildren(...offers.map(([name, text]) => this.button(name, text)));
  }

  // While the host is asked it is not disabled, for that would take the focus away from whoever works with the keyboard.
  button(name, text) {
    let busy = false;
    return button(text, async () => {
      if (busy) return;
      busy = true;
      busy = await this.act(name, this.item); // done: the next reading takes the row or its buttons away
    }, { "aria-label": `${text}: ${this.prompt.textContent.slice(0, 60)}` });
  }
}

// An item of somebody else: that it is there, its place and its times, and nothing more.
export class OtherRow {
  constructor(look) {
    this.look = look;
    this.node = el("li", { class: "other quiet" });
  }

  update(item) {
    this.node.textContent = item.status === "in_progress" ? ["running", item.device].filter(Boolean).join(" on ")
      : place(item, this.look().now);
    this.node.dataset.status = item.status;
  }
}

function details(request) {
  if (!request) return "";
  const { width, height, steps, seed, model, negative_prompt: without } = request;
  return [request.positive_prompt, without && `without: ${without}`, `${width} × ${height} · ${steps} steps · seed ${seed} · ${model}`]
    .filter(Boolean).join("\n");
}
