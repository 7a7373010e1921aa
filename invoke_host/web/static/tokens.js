// API tokens: make one (its text is shown this once), see what there is, revoke.

import { call } from "./api.js";
import { button, checkbox, el, field, when } from "./dom.js";
import { confirm, modal } from "./modal.js";
import { oops, row, rows } from "./rows.js";

export const SCOPES = {
  read: "see pictures, queue and events",
  generate: "make pictures",
  "manage-own": "cancel, star, change and delete what is yours",
  admin: "what administrators may do",
};
const DAYS = [[30, "30 days"], [90, "90 days"], [365, "a year"], [0, "never"]];

export function tokenList(place, path, { user }) {
  const list = {
    async load() {
      try {
        draw(await call("GET", path));
      } catch (error) {
        place.replaceChildren(oops(error));
      }
    },
  };

  function draw(tokens) {
    const make = user && button("New token", create, { class: "primary" });
    place.replaceChildren(rows(tokens.map(line), "None."), el("p", { class: "row" }, make));
  }

  function line(token) {
    const facts = [`${token.hint}…`, token.scopes.join(", "), el("span", {}, "last used ", when(token.last_used_at)),
      el("span", {}, "expires ", when(token.expires_at))];
    return row(el("strong", {}, token.name), facts,
      button("Revoke", () => revoke(token), { class: "danger", "aria-label": `Revoke ${token.name}` }));
  }

  async function revoke(token) {
    const text = "Programs that use it are refused from now on. It can't be brought back.";
    const address = `${path}/${encodeURIComponent(token.token_id)}`;
    if (await confirm(`Revoke “${token.name}”?`, text, "Revoke", () => call("DELETE", address))) list.load();
  }

  async function create() {
    const name = field("Name", { maxlength: 100, required: true, autocomplete: "off" }, "What it is for, so that you know it again.");
    const boxes = Object.entries(SCOPES)
      .filter(([scope]) => scope !== "admin" || user.is_admin)
      .map(([scope, meaning]) => checkbox(el("code", {}, scope), { value: scope, checked: scope === "read" }, meaning));
    const expiry = field("Expires after", { tag: "select" });
    expiry.input.append(...DAYS.map(([days, text]) => el("option", { value: days }, text)));
    let made = null;
    const submit = async () => {
      made = await call("POST", path, {
        name: name.input.value.trim(),
        scopes: boxes.filter((box) => box.input.checked).map((box) => box.input.value),
        expires_in_days: Number(expiry.input.value) || null,
      });
    };
    const scopes = el("fieldset", {}, el("legend", {}, "It may"), boxes);
    if (!(await modal("New API token", [name, scopes, expiry], { action: "Make it", submit }))) return;
    list.load();
    await reveal(made.token);
  }

  return list;
}

async function reveal(text) {
  const shown = el("input", { class: "token", readonly: true, value: text, "aria-label": "The token" });
  const said = el("span", { class: "good", role: "status" });
  const copy = button("Copy", async () => {
    shown.select();
    // Without TLS on another machine's address there is no clipboard; then the selection is what helps.
    said.textContent = await navigator.clipboard?.writeText(text).then(() => "Copied.", () => null) ?? "Press Ctrl-C.";
  });
  await modal("Your new token", [
    el("p", {}, "Copy it now: the host keeps only a fingerprint of it and can't show it again."),
    el("div", { class: "joined" }, shown, copy), said,
  ], { action: null, close: "Done" });
}
