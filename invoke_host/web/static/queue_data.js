// What the page asks of the queue, and what it tells it to do.

import { ask, call } from "./api.js";
import { query } from "./rows.js";

export const QUEUE = "/api/v1/queue/default";
const SHOWN = 30; // of each kind
const OWN = 100; // so many that there is more than one batch among them
const MANY = 1000; // in one request

const list = (filters) => ask("GET", `${QUEUE}/list_all?${query(filters)}`);
const waiting = (filters) => ask("GET", `${QUEUE}/line?${query(filters)}`);

export const status = () => call("GET", `${QUEUE}/status`);

// The first own item in line, with the host's time. `alone`: everything is one's own.
export async function upcoming(alone) {
  const { content, headers } = await waiting({ mine: !alone, limit: 1 });
  return { item: content[0] ?? null, now: hostTime(headers) };
}

// What runs, and the first of what waits, each in order.
export async function line(alone) {
  const [running, mine, all] = await Promise.all([
    list({ status: "in_progress", limit: SHOWN }),
    waiting({ mine: !alone, limit: OWN }),
    alone ? { content: [] } : waiting({ limit: SHOWN }),
  ]);
  const own = new Set(mine.content.map((item) => item.item_id));
  const others = all.content.filter((item) => !own.has(item.item_id));
  return { now: hostTime(running.headers), running: running.content, mine: mine.content, others };
}

// The newest own ones of which nothing came, and that were not asked for again.
export async function ended(alone) {
  const found = await Promise.all(["failed", "canceled"].map((each) => list({ status: each, mine: !alone, limit: OWN })));
  const items = found.flatMap(({ content }) => content).filter((item) => item.retried_as_item_id === null);
  return items.sort((one, other) => other.item_id - one.item_id).slice(0, SHOWN);
}

export const item = (id) => call("GET", `${QUEUE}/i/${id}`);
export const batch = (id) => call("GET", `${QUEUE}/b/${encodeURIComponent(id)}/status`);
export const cancel = (id) => call("PUT", `${QUEUE}/i/${id}/cancel`);
export const cancelBatch = (id) => call("PUT", `${QUEUE}/cancel_by_batch_ids`, { batch_ids: [id] });
export const retry = (ids) => call("PUT", `${QUEUE}/retry_items_by_id`, ids);
export const clearMine = () => call("PUT", `${QUEUE}/prune?mine=true`);
export const remove = (id) => call("DELETE", `${QUEUE}/i/${id}`);
export const pauseOwn = (paused) => call("PUT", `${QUEUE}/own/${paused ? "pause" : "resume"}`);
export const pauseAll = (paused) => call("PUT", `${QUEUE}/processor/${paused ? "pause" : "resume"}`);

// Cancels everything of one's own, and nothing of anybody else, also for administrators: batch by batch.
export async function cancelMine(alone) {
  for (;;) {
    const found = await Promise.all(["in_progress", "pending"].map((each) => list({ status: each, mine: !alone, limit: MANY })));
    const batches = new Set(found.flatMap(({ content }) => content.map((each) => each.batch_id)));
    if (batches.size === 0) return;
    for (const batch_ids of chunks([...batches])) await call("PUT", `${QUEUE}/cancel_by_batch_ids`, { batch_ids });
  }
}

const chunks = (values) => Array.from({ length: Math.ceil(values.length / MANY) }, (_, index) => values.slice(index * MANY, (index + 1) * MANY));

// Clocks of browsers are often wrong: times are told by the host's.
function hostTime(headers) {
  const told = Date.parse(headers.get("Date") ?? "");
  return Number.isNaN(told) ? Date.now() : told;
}
