// How the queue speaks: places in line, times, limits.

import { moment } from "./dom.js";

export const plural = (count, one, many = `${one}s`) => `${count.toLocaleString()} ${count === 1 ? one : many}`;

// 1st, 2nd, 3rd, 4th, 11th, 21st …
export function ordinal(number) {
  const tens = number % 100;
  const ending = tens > 10 && tens < 14 ? "th" : (["th", "st", "nd", "rd"][number % 10] ?? "th");
  return `${number.toLocaleString()}${ending}`;
}

// A span of time as one would say it: "12 s", "3 min", "2 h 10 min", "4 days".
export function span(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 90) return `${whole} s`;
  const minutes = Math.round(whole / 60);
  if (minutes < 90) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  const rest = minutes % 60;
  if (hours >= 48) return plural(Math.round(hours / 24), "day");
  return rest ? `${hours} h ${rest} min` : `${hours} h`;
}

// Where an item waits. `now` is the host's own time, in milliseconds: clocks differ.
export function place(item, now, paused = false) {
  if (item.position === null || item.position === undefined) return paused ? "paused" : "waits";
  const where = item.position === 1 ? "next in line" : `${ordinal(item.position)} in line`;
  if (!item.estimated_start_at) return where;
  const seconds = (moment(item.estimated_start_at) - now) / 1000;
  return `${where} · starts ${seconds < 5 ? "in a moment" : `in about ${about(seconds)}`}`;
}

// Nobody believes a forecast to the second. Its words stay on one line.
const about = (seconds) => span(seconds < 60 ? Math.ceil(seconds / 5) * 5 : seconds).replaceAll(" ", "\u00a0");

// Of a progress event: how far, in words.
export function step({ step: done, steps, message }) {
  return message || `step ${done} of ${steps}`;
}

// A limit by its name: what is counted, in words for its value, and whether it is a time.
export const LIMITS = {
  weight: { title: "Share", hint: "of the devices, when others wait too; 2 is twice as much as 1" },
  max_pending: { title: "Waiting", hint: "items in the queue at a time", of: (value) => `${plural(value, "picture")} waiting` },
  max_running: { title: "Running", hint: "items at the same time", of: (value) => `${plural(value, "picture")} at the same time` },
  images_per_minute: { title: "Pictures a minute", short: "Minute", per: "minute", of: (value) => `${plural(value, "picture")} a minute` },
  images_per_day: { title: "Pictures a day", short: "Day", per: "day", of: (value) => `${plural(value, "picture")} a day` },
  images_per_month: { title: "Pictures a month", short: "Month", per: "month", of: (value) => `${plural(value, "picture")} a month` },
  engine_s_per_minute: { title: "Device time a minute", short: "Minute", per: "minute", time: true, of: (value) => `${span(value)} of device time a minute` },
  engine_s_per_day: { title: "Device time a day", short: "Day", per: "day", time: true, of: (value) => `${span(value)} of device time a day` },
  engine_s_per_month: { title: "Device time a month", short: "Month", per: "month", time: true, of: (value) => `${span(value)} of device time a month` },
};

// Why fewer pictures were taken than asked for; null if all were.
export function limitedSentence({ enqueued, requested, limited_by: limit }) {
  if (enqueued === requested) return null;
  const taken = `${enqueued.toLocaleString()} of ${plural(requested, "picture")} ${enqueued === 1 ? "was" : "were"} taken`;
  if (!limit) return `${taken}: the queue is full now.`;
  const allowed = LIMITS[limit.limit]?.of?.(limit.value) ?? `${limit.limit} ${limit.value}`;
  return `${taken}: the limit is ${allowed}.${resets(limit.resets_at)}`;
}

// " It begins anew at 14:05." with the day where it is not today's.
export function resets(timestamp) {
  if (!timestamp) return "";
  const at = moment(timestamp);
  const today = at.toDateString() === new Date().toDateString();
  const options = today ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" };
  return ` It begins anew ${today ? "at" : "on"} ${at.toLocaleString(undefined, options)}.`;
}
