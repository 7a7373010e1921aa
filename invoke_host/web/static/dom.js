// Elements from names and texts. Children that are strings become text, so nothing people wrote turns into markup.

// `props`: `class`, `on` (listeners by event), and attributes; true sets an attribute, null, undefined and false leave it out.
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name === "on") Object.entries(value).forEach(([kind, listener]) => node.addEventListener(kind, listener));
    else if (name === "class") node.className = value;
    else if (value === true) node.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export const button = (text, click, props = {}) => el("button", { type: "button", ...props, on: { click } }, text);

let numbers = 0;

// A label above an input; `hint` is read out with it. The input is `field.input`.
export function field(label, props, hint = null) {
  const id = props.id ?? `field-${++numbers}`;
  const input = el(props.tag ?? "input", { ...props, tag: null, id, "aria-describedby": hint ? `${id}-hint` : null });
  const note = hint && el("small", { id: `${id}-hint`, class: "quiet" }, hint);
  const node = el("div", { class: "field" }, el("label", { for: id }, label), input, note);
  return Object.assign(node, { input });
}

export function checkbox(label, props, hint = null) {
  const input = el("input", { type: "checkbox", ...props });
  const text = el("span", {}, label, hint && el("small", { class: "quiet" }, hint));
  return Object.assign(el("label", { class: "check" }, input, text), { input });
}

// A place for sentences about what went wrong, read out as they appear.
export function problemList() {
  const list = el("ul", { class: "problems", role: "alert", hidden: true });
  const say = (problems) => {
    list.replaceChildren(...problems.map((text) => el("li", {}, text)));
    list.hidden = problems.length === 0;
  };
  return Object.assign(list, { say });
}

// A timestamp of the host (UTC, without a zone) as a moment.
export const moment = (timestamp) => new Date(`${timestamp.replace(" ", "T").replace(/(Z|\+00:00)?$/, "")}Z`);

// A timestamp in the reader's own words; `absent` where there is none.
export function when(timestamp, absent = "never") {
  if (!timestamp) return absent;
  const at = moment(timestamp);
  const text = at.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  return el("time", { datetime: at.toISOString() }, text);
}
