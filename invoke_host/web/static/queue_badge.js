// The number in the header: "2/17" are two of one's own among seventeen, waiting and running; alone it is just a number.

import { plural } from "./queue_words.js";

export class Badge {
  constructor(button, count) {
    Object.assign(this, { button, count });
  }

  show(counts, alone) {
    const total = counts.pending + counts.in_progress;
    const own = counts.user_pending + counts.user_in_progress;
    this.count.hidden = total === 0;
    this.count.textContent = alone ? total.toLocaleString() : `${own.toLocaleString()}/${total.toLocaleString()}`;
    this.count.classList.toggle("own", own > 0);
    this.button.setAttribute("aria-label", total === 0 ? "Queue, empty" : alone ? `Queue, ${plural(total, "picture")}`
      : `Queue, ${own.toLocaleString()} of yours, ${total.toLocaleString()} in all`);
  }
}
