// Choosing a password: a field that can be looked at, and a hint how good the text is. The host has the last word.

import { button, el, field } from "./dom.js";

const MINIMUM = 8;

// weak: under 8 characters; strong: upper case, lower case and a digit in it; otherwise moderate.
export function strength(text) {
  if ([...text].length < MINIMUM) return "weak";
  return /\p{Lu}/u.test(text) && /\p{Ll}/u.test(text) && /\p{Nd}/u.test(text) ? "strong" : "moderate";
}

// A password field with a button that shows what was typed.
export function passwordField(label, props, hint = null) {
  const node = field(label, { type: "password", maxlength: 1024, ...props }, hint);
  const show = button("Show", () => {
    const shown = node.input.type === "password";
    node.input.type = shown ? "text" : "password";
    show.setAttribute("aria-pressed", String(shown));
  }, { class: "small", "aria-pressed": "false", "aria-label": `Show ${label.toLowerCase()}` });
  const line = el("div", { class: "joined" });
  node.input.replaceWith(line);
  line.append(node.input, show);
  return node;
}

// Two fields for a new password. `value` is what was chosen; reportValidity() tells when the two differ.
export function newPassword(label = "New password") {
  const first = passwordField(label, { autocomplete: "new-password", required: true });
  const second = passwordField("The same again", { autocomplete: "new-password", required: true });
  const meter = el("meter", { min: 0, max: 3, low: 1.5, high: 2.5, optimum: 3, hidden: true, "aria-hidden": "true" });
  const word = el("span", { role: "status" });
  const compare = () => second.input.setCustomValidity(first.input.value === second.input.value ? "" : "The two differ.");
  const judge = () => {
    const text = first.input.value;
    const found = strength(text);
    meter.value = { weak: 1, moderate: 2, strong: 3 }[found];
    meter.hidden = !text;
    word.textContent = text ? `Password strength: ${found}` : "";
    compare();
  };
  first.input.addEventListener("input", judge);
  second.input.addEventListener("input", compare);
  const node = el("div", { class: "fields" }, first, el("div", { class: "strength quiet" }, meter, word), second);
  return Object.assign(node, {
    input: first.input,
    value: () => first.input.value,
    set(text) {
      first.input.value = second.input.value = text;
      first.input.type = "text"; // a made password is there to be copied
      judge();
    },
    clear() {
      first.input.value = second.input.value = "";
      judge();
    },
  });
}
