// What one has used, and how much of which limit is left.

import { call } from "./api.js";
import { el } from "./dom.js";
import { LIMITS, plural, resets, span } from "./queue_words.js";

export class UsageMeter {
  constructor() {
    this.node = el("div", { class: "usage" });
  }

  async load() {
    const usage = await call("GET", "/api/v1/me/usage").catch(() => null);
    if (usage) this.show(usage);
  }

  show(usage) {
    const { images, engine_s: time } = usage.day;
    const today = `Today: ${plural(images, "picture")}${time >= 1 ? `, ${span(time)} of device time` : ""}.`;
    const bars = usage.limits.filter(({ name, value }) => name !== "weight" && value !== null).map(bar);
    this.node.replaceChildren(...[bars.length && el("ul", {}, bars), el("p", { class: "quiet" }, today)].filter(Boolean));
  }
}

function bar({ name, scope, value, used, source, resets_at: reset }) {
  const words = LIMITS[name] ?? { title: name };
  const shown = words.time ? span : (number) => number.toLocaleString();
  const text = `${shown(used)} of ${shown(value)}`;
  const full = used >= value;
  return el("li", { class: full ? "full" : "" },
    el("span", {}, words.title, scope === "together" && shared(source)), el("span", { class: "quiet" }, text),
    el("progress", { max: Math.max(value, 0.001), value: Math.min(used, value), "aria-label": `${words.title}: ${text}` }),
    full && el("small", { class: "quiet" }, resets(reset).trim() || "Full: something has to finish first."));
}

// A limit that a group has together is used up by others as well.
const shared = (source) => el("small", { class: "quiet" }, `${source.name} together`);
