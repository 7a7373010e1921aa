// One limit in the table: its value as a button, which opens a small form in its place.

import { sentences } from "./api.js";
import { button, el, field, problemList } from "./dom.js";
import { span } from "./queue_words.js";

const UNITS = { s: 1, sec: 1, second: 1, m: 60, min: 60, minute: 60, h: 3600, hour: 3600, d: 86400, day: 86400 };

// `value` is a number, null (explicitly none) or undefined (nothing said: what holds otherwise). `save(value)` stores it.
export function limitCell(words, whose, value, save) {
  const label = `${words.title} of ${whose}`;
  const text = said(words, value);
  const node = el("td", { "data-label": words.title });
  const show = button(text, () => edit(), { class: value === undefined ? "cell quiet" : "cell", "aria-label": `${label}: ${value === undefined ? "default" : text}`,
    title: words.time && value ? `${value} s` : null });
  node.append(show);

  function edit() {
    const input = field(words.title, { type: "text", inputmode: words.time ? "text" : "decimal", autocomplete: "off", maxlength: 20, value: typed(words, value) },
      words.time ? "as in 90 s, 30 min, 2 h" : words.hint ?? null);
    const problems = problemList();
    const store = async (wanted) => {
      problems.say([]);
      try {
        await save(wanted);
      } catch (error) {
        problems.say(sentences(error).map((text) => text.replace(/^(each|together)\.\w+: /, ""))); // the form says which one it is
      }
    };
    const form = el("form", { class: "cell-form", method: "post", "aria-label": label }, input, problems, el("div", { class: "actions" },
      el("button", { class: "primary" }, "Save"), words.weight ? null : button("No limit", () => store(null)),
      value === undefined ? null : button("Default", () => store(undefined)), button("Cancel", () => close())));
    const close = () => {
      form.remove();
      show.hidden = false;
      show.focus();
    };
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const wanted = read(words, input.input.value.trim());
      if (Number.isNaN(wanted)) problems.say([words.time ? "A time, as in 90 s, 30 min or 2 h." : "A number."]);
      else store(wanted);
    });
    form.addEventListener("keydown", (event) => event.key === "Escape" && close());
    document.querySelectorAll(".cell-form").forEach((other) => other.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" })));
    node.append(form);
    input.input.focus();
    input.input.select();
  }

  return node;
}

function said(words, value) {
  if (value === undefined) return "–";
  if (value === null) return "no limit";
  return words.time ? span(value) : value.toLocaleString();
}

// A value as one would type it; exact, so that saving it again changes nothing.
function typed(words, value) {
  if (value === undefined || value === null) return "";
  if (!words.time) return String(value);
  const [unit, size] = [["h", 3600], ["min", 60]].find(([, each]) => value && value % each === 0) ?? ["s", 1];
  return `${value / size} ${unit}`;
}

// What was typed as a number (of seconds), or NaN.
function read(words, text) {
  const [, number, unit] = text.toLowerCase().replace(",", ".").match(/^(\d+(?:\.\d+)?)\s*([a-z]*)$/) ?? [];
  if (number === undefined || (unit && !words.time)) return NaN;
  return Number(number) * (unit ? (UNITS[unit] ?? UNITS[unit.replace(/s$/, "")] ?? NaN) : 1);
}
