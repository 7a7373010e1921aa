// The line between prompt and pictures: what is being made, how far it is, how much waits.

import { call } from "./api.js";

const QUEUE = "/api/v1/queue/default";

export class Queue {
  constructor(find, say) {
    this.find = find;
    this.say = say;
    this.current = null;
    this.asked = false;
    find("cancel").addEventListener("click", () => this.cancel());
  }

  // Many events come at once; one question answers them all.
  refresh() {
    if (this.asked) return;
    this.asked = true;
    setTimeout(async () => {
      this.asked = false;
      const status = await call("GET", `${QUEUE}/status`).catch(() => null);
      if (status) this.show(status.queue);
    }, 100);
  }

  show(counts) {
    const running = counts.in_progress > 0;
    this.waiting = counts.pending;
    this.current = running ? counts.item_id ?? this.current : null;
    this.find("queue").hidden = !running && !counts.pending;
    this.find("cancel").hidden = this.current === null;
    if (!running) this.progress({ item_id: null, step: 0, steps: 1 });
    else this.write(this.text ?? "at work");
  }

  progress({ item_id: item, step, steps, message }) {
    this.current = item;
    this.find("progress").value = steps ? step / steps : 0;
    this.text = item === null ? "starting" : message || `step ${step} of ${steps}`;
    this.find("cancel").hidden = item === null;
    this.write(this.text);
  }

  write(text) {
    this.find("queue-text").textContent = this.waiting ? `${text} · ${this.waiting} waiting` : text;
  }

  finished({ status, error_message: error }) {
    if (status === "failed") this.say([`A picture could not be made: ${error ?? "no reason given"}`]);
    this.refresh();
  }

  async cancel() {
    await call("PUT", `${QUEUE}/i/${this.current}/cancel`).catch((error) => this.say(error.problems));
    this.refresh();
  }
}
