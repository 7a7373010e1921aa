// The queue on the page: what the host tells about it goes to the badge, the line below the prompt, and the panel.

import { ApiError, sentences } from "./api.js";
import { button, el } from "./dom.js";
import { confirm } from "./modal.js";
import { paced } from "./pace.js";
import { Badge } from "./queue_badge.js";
import * as data from "./queue_data.js";
import { Panel } from "./queue_panel.js";
import { Strip } from "./queue_strip.js";
import { limitedSentence } from "./queue_words.js";

const REST_MS = 1500; // between two readings of the lists, however much happens
const BATCHES = 4; // whose progress is shown
const IDLE_MS = 20_000; // estimates move on also while nothing happens

export class Queue {
  // `say(problems)` tells what went wrong.
  constructor(find, say) {
    this.say = say;
    this.toggle = find("queue-open");
    this.banner = find("paused");
    this.notice = find("limited");
    this.user = null;
    this.state = null; // as the host's status
    this.owner = new Map(); // item -> whether it is one's own
    this.progresses = new Map(); // item -> the newest event
    this.now = Date.now();
    this.next = null;
    this.badge = new Badge(this.toggle, find("queue-count"));
    this.strip = new Strip(find("now"), { cancel: (id) => this.does.act("cancel", { item_id: id }), open: () => this.panel.open() });
    this.does = this.buttons();
    this.panel = new Panel(find("queue"), this.toggle, this.does, () => this);
    this.whole = false; // something of one's own has changed: more has to be read than the line
    this.asking = false; // for the status
    this.kept = { ended: [], batches: [] };
    this.follow = paced(() => this.read(), REST_MS);
  }

  begin(user) {
    this.user = user;
    this.toggle.hidden = false;
    this.idle ??= setInterval(() => !document.hidden && this.state && this.busy && this.follow(), IDLE_MS);
    this.refresh(true);
  }

  end() {
    this.toggle.hidden = true;
    clearInterval(this.idle);
    this.idle = null;
  }

  get progress() {
    return this.progresses;
  }

  get busy() {
    return this.panel.shown || this.waits;
  }

  // Whether own pictures wait although it may be their turn.
  get paused() {
    return this.state.queue.user_paused || !this.state.processor.is_started;
  }

  get waits() {
    const { user_pending: pending, user_in_progress: running } = this.state.queue;
    return pending > 0 && running === 0;
  }

  owns(item) {
    return this.user === null || item.user_id === this.user.user_id;
  }

  // Whether an item of somebody else is told in full: to administrators.
  shows(item) {
    return !this.owns(item) && item.user_id !== "redacted";
  }

  // Alone on a host, everything is one's own, whoever made it before.
  mine(counts) {
    return this.user ? counts : { ...counts, user_pending: counts.pending, user_in_progress: counts.in_progress };
  }

  // Reads afresh whatever is shown; `follow` does so for the line alone, which moves on all the time.
  refresh(now = false) {
    this.whole = true;
    this.follow(now);
  }

  async read() {
    const whole = this.whole || !this.state;
    this.whole = false;
    if (whole) {
      this.asking = true;
      const state = await data.status().catch(() => null);
      this.asking = false;
      if (!state) return;
      this.state = { ...state, queue: this.mine(state.queue) };
    }
    if (this.panel.shown) await this.readLists(whole);
    else if (this.waits) {
      const { item, now } = await data.upcoming(this.user === null).catch(() => ({ item: null, now: Date.now() }));
      Object.assign(this, { next: item, now });
    }
    this.draw();
  }

  async readLists(whole) {
    const alone = this.user === null;
    try {
      const lists = await data.line(alone);
      for (const item of [...lists.running, ...lists.mine]) this.owner.set(item.item_id, this.owns(item));
      this.now = lists.now;
      this.next = lists.mine[0] ?? null;
      if (whole) this.kept = await this.readOwn(lists, alone);
      this.panel.lists(lists, this.kept, this.state.queue);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.say(sentences(error));
    }
  }

  async readOwn({ running, mine }, alone) {
    const prompts = new Map(); // of each batch, as far as its items are known
    for (const { batch_id: id, request } of [...running.filter((item) => this.owns(item)), ...mine]) {
      prompts.set(id, (prompts.get(id) ?? new Set()).add(request.positive_prompt));
    }
    const statuses = [...prompts].slice(0, BATCHES).map(([id, some]) =>
      data.batch(id).then((batch) => ({ ...batch, prompts: [...some] }), () => null));
    const [ended, batches] = await Promise.all([data.ended(alone), Promise.all(statuses), this.panel.usage.load()]);
    return { ended, batches: batches.filter((each) => each?.total > 1) };
  }

  draw() {
    const alone = this.user === null;
    const { queue: counts, processor } = this.state;
    const admin = alone || this.user.is_admin;
    this.forget(counts);
    this.badge.show(counts, alone);
    this.panel.state({ counts, processor, paused: counts.user_paused, alone, admin });
    this.strip.show({ counts, running: this.running(counts), next: this.next, now: this.now, paused: this.paused, open: this.panel.shown });
    this.tellPaused(!processor.is_started, alone, admin);
  }

  tellPaused(stopped, alone, admin) {
    if (this.banner.hidden === !stopped) return;
    this.banner.hidden = !stopped;
    if (!stopped) return;
    const text = alone ? "The queue is paused." : "The queue is paused by an administrator.";
    this.banner.replaceChildren(el("span", {}, `${text} What waits keeps its place.`),
      ...(admin ? [button("Start it again", () => this.does.pauseAll(false))] : []));
  }

  // The own item that is furthest, as its newest event tells; by id alone, or without even that, before the first one.
  running(counts) {
    if (counts.user_in_progress === 0) return null;
    const own = [...this.progresses.values()].filter((event) => this.owner.get(event.item_id));
    const far = ({ step, steps }) => (steps ? step / steps : 0);
    const told = this.user?.is_admin ? null : counts.item_id; // administrators are told of anybody's
    return own.sort((one, other) => far(other) - far(one))[0] ?? { item_id: told };
  }

  forget(counts) {
    if (counts.in_progress === 0) this.progresses.clear();
    if (this.owner.size > 5000) this.owner.clear();
  }

  // Events ------------------------------------------------------------------------------------------------------------

  counts(counts) {
    if (counts.queue_id !== "default") return;
    if (this.state) {
      this.state.queue = this.mine({ ...this.state.queue, ...counts });
      this.state.processor.is_started = counts.is_started ?? this.state.processor.is_started;
      this.draw();
    }
    // An answer that is on its way may be older than this event: then it is asked once more.
    if (!this.state || this.asking) this.refresh();
    else if (this.busy) this.follow(); // or the counts are all there is to show
  }

  async stepped(event) {
    const id = event.item_id;
    this.progresses.set(id, event.image ? event : { ...event, image: this.progresses.get(id)?.image });
    if (!this.owner.has(id)) await this.ask(id);
    if (!this.state) return;
    if (this.owner.get(id)) this.state.queue.user_in_progress ||= 1;
    this.panel.stepped(id);
    this.draw();
  }

  async ask(id) {
    if (this.user === null || !this.user.is_admin) this.owner.set(id, true); // others hear of their own steps only
    else this.owner.set(id, await data.item(id).then((item) => this.owns(item), () => false));
  }

  changed(item) {
    const own = this.owns(item);
    this.owner.set(item.item_id, own);
    if (item.status !== "in_progress") this.progresses.delete(item.item_id);
    else if (!this.progresses.has(item.item_id)) this.progresses.set(item.item_id, { item_id: item.item_id, device: item.device });
    if (own && item.status === "failed") this.say([`A picture could not be made: ${item.error_message ?? "no reason given"}`]);
    this.refresh();
  }

  // Many at once were canceled, removed or asked for again.
  gone({ item_ids: ids = [] }) {
    ids.forEach((id) => this.progresses.delete(id));
    this.refresh();
  }

  // The answer to a request for pictures.
  enqueued(answer) {
    const sentence = limitedSentence(answer);
    this.notice.hidden = sentence === null;
    this.notice.textContent = sentence ?? "";
    this.refresh(true);
  }

  // Buttons -----------------------------------------------------------------------------------------------------------

  buttons() {
    // Does it, tells what went wrong, and reads afresh; true when it went through.
    const then = (action) => async (...values) => {
      try {
        await action(...values);
        this.say([]);
        return true;
      } catch (error) {
        this.say(sentences(error));
        if (!(error instanceof ApiError)) throw error;
        return false;
      } finally {
        this.refresh(true);
      }
    };
    const acts = {
      cancel: (item) => data.cancel(item.item_id),
      retry: (item) => data.retry([item.item_id]),
      remove: (item) => data.remove(item.item_id),
    };
    return {
      act: then((name, item) => acts[name](item)),
      turned: () => this.refresh(true), // opened or closed
      cancelBatch: then(data.cancelBatch),
      retry: then(data.retry),
      cancelMine: () => confirm("Cancel all your pictures?", "What is being made stops at its next step; what waits leaves the line.",
        "Cancel them", () => data.cancelMine(this.user === null)).then(() => this.refresh(true)),
      clear: then(data.clearMine),
      pauseOwn: then(data.pauseOwn),
      pauseAll: then(data.pauseAll),
    };
  }
}
