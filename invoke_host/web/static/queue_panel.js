// The queue beside the pictures: one's own items, those of others, what one has used.

import { button, el } from "./dom.js";
import { Keyed } from "./keyed.js";
import { BatchRow } from "./queue_batch.js";
import { ItemRow, OtherRow } from "./queue_item.js";
import { plural } from "./queue_words.js";
import { UsageMeter } from "./usage_meter.js";

const ROWS = 30; // of what waits
const OF_A_BATCH = 3; // the next ones; the batch has a line of its own
const EMPTY = "Nothing of yours is waiting. Say what you would like to see, and press Generate: your pictures line up here.";

export class Panel {
  // `does` has what the buttons do; `look()` is what rows need to know beside their item.
  constructor(node, toggle, does, look) {
    Object.assign(this, { node, toggle, does, look });
    this.usage = new UsageMeter();
    this.title = el("h2", { id: "queue-title", tabindex: "-1" }, "Queue");
    this.facts = el("span", { class: "quiet" });
    this.paused = el("div", { class: "banner", hidden: true }, el("span", {}, "Your pictures are paused."), button("Go on", () => does.pauseOwn(false)));
    this.pause = button("Pause mine", () => does.pauseOwn(true), { class: "small" });
    this.cancelAll = button("Cancel all", () => does.cancelMine(), { class: "small danger" });
    this.empty = el("p", { class: "empty" }, EMPTY);
    this.rest = el("p", { class: "quiet rest" });
    this.otherRest = el("p", { class: "quiet rest" });
    this.retry = button("Retry these", () => does.retry(this.listed.map((item) => item.item_id)), { class: "small" });
    this.clear = button("Clear my finished", () => does.clear(), { class: "small" });
    this.processor = button("", () => does.pauseAll(!this.stopped), { class: "small" });
    const list = (name) => el("ul", { class: name, "aria-label": name });
    const lists = { Running: list("Running"), Batches: list("Batches"), Waiting: list("Waiting"), ended: list("Ended"), others: list("Others") };
    const row = () => new ItemRow(does.act, look);
    const key = (item) => item.item_id;
    this.running = new Keyed(lists.Running, key, row);
    this.batches = new Keyed(lists.Batches, (batch) => batch.batch_id, () => new BatchRow(does.cancelBatch));
    this.waiting = new Keyed(lists.Waiting, key, row);
    this.ended = new Keyed(lists.ended, key, row);
    this.others = new Keyed(lists.others, key, (item) => (look().shows(item) ? row(item) : new OtherRow(look)));
    this.endedPart = this.part("Not made", lists.ended, this.retry, this.clear);
    this.othersPart = this.part("Of others", [lists.others, this.otherRest]);
    this.adminPart = this.part("For everybody", el("div", { class: "actions" }, this.processor));
    node.replaceChildren(
      el("div", { class: "queue-head" }, this.title, this.facts, button("Close", () => this.close(), { class: "small end" })),
      el("div", { class: "queue-body" }, this.paused,
        this.part("Yours", [lists.Running, lists.Batches, lists.Waiting, this.rest, this.empty], this.pause, this.cancelAll),
        this.endedPart, this.othersPart, this.part("Your usage", this.usage.node), this.adminPart));
    toggle.addEventListener("click", () => (node.hidden ? this.open() : this.close()));
    node.addEventListener("keydown", (event) => event.key === "Escape" && this.close());
  }

  part(title, content, ...actions) {
    return el("section", {}, el("div", { class: "part-head" }, el("h3", {}, title), actions), content);
  }

  get shown() {
    return !this.node.hidden;
  }

  open() {
    this.node.hidden = false;
    this.toggle.setAttribute("aria-expanded", "true");
    this.title.focus();
    this.does.turned();
  }

  close() {
    this.node.hidden = true;
    this.toggle.setAttribute("aria-expanded", "false");
    this.toggle.focus();
    this.does.turned();
  }

  // What is known without lists.
  state({ counts, processor, paused, alone, admin }) {
    this.stopped = !processor.is_started;
    this.paused.hidden = !paused;
    const own = counts.user_pending + counts.user_in_progress;
    this.pause.hidden = paused || alone || own === 0;
    this.adminPart.hidden = !admin;
    this.processor.textContent = this.stopped ? "Start the queue again" : "Pause the queue";
    const total = counts.pending + counts.in_progress;
    this.facts.textContent = total === 0 ? "empty" : alone ? plural(total, "picture") : `${own.toLocaleString()} of yours · ${total.toLocaleString()} in all`;
  }

  // What was read of the line, and of one's own beside it.
  lists({ running, mine, others }, { ended, batches }, counts) {
    const own = running.filter((item) => this.look().owns(item));
    const theirs = running.filter((item) => !this.look().owns(item));
    this.running.show(own);
    this.batches.show(batches);
    const shown = nextOfEach(mine).slice(0, ROWS);
    this.waiting.show(shown);
    this.ended.show(ended);
    this.listed = ended;
    this.retry.hidden = ended.length < 2;
    this.others.show([...theirs, ...others]);
    this.count(this.rest, counts.user_pending - shown.length);
    this.count(this.otherRest, counts.pending - counts.user_pending - others.length);
    this.empty.hidden = own.length + mine.length > 0;
    this.cancelAll.hidden = !this.empty.hidden;
    this.endedPart.hidden = ended.length === 0;
    this.othersPart.hidden = theirs.length + others.length === 0;
  }

  count(node, more) {
    node.hidden = more <= 0;
    node.textContent = `and ${plural(more, "more", "more")}`;
  }

  // A step was made.
  stepped(id) {
    for (const list of [this.running, this.others]) list.rows.get(id)?.stepped?.();
  }
}

function nextOfEach(items) {
  const seen = new Map();
  return items.filter(({ batch_id: id }) => {
    seen.set(id, (seen.get(id) ?? 0) + 1);
    return seen.get(id) <= OF_A_BATCH;
  });
}
