// The users page, for administrators: search, make, change and delete accounts.

import { ask, call } from "./api.js";
import { button, checkbox, el, field, when } from "./dom.js";
import { deleteUser } from "./user_delete.js";
import { modal } from "./modal.js";
import { newPassword } from "./password.js";
import { SearchedList, query, row } from "./rows.js";
import { sessionList } from "./sessions.js";
import { open } from "./shell.js";
import { tokenList } from "./tokens.js";
import { transferContent } from "./user_transfer.js";

export const USERS = "/api/v1/auth/users";
const find = (id) => document.getElementById(id);
const nameOf = (user) => user.display_name || user.email;
const place = (user) => `${USERS}/${encodeURIComponent(user.user_id)}`;
let me = null;

const list = new SearchedList(find("users"), "Nobody.", async (search, cursor) => {
  const { content, headers } = await ask("GET", `${USERS}?${query({ search, cursor, limit: 50 })}`);
  return { items: content, total: Number(headers.get("X-Total-Count")), next: headers.get("X-Next-Cursor") };
}, line);

function line(user) {
  const badges = [user.is_admin && "administrator", !user.is_active && "deactivated", user.user_id === me.user_id && "you"];
  const title = [el("strong", {}, nameOf(user)),
    badges.filter(Boolean).flatMap((text) => [" ", el("span", { class: "badge" }, text)])];
  const facts = [user.display_name ? user.email : null, el("span", {}, "last login ", when(user.last_login_at))];
  return row(title, facts, button("Change", () => change(user), { "aria-label": `Change ${nameOf(user)}` }),
    button("Sessions", () => sessions(user), { "aria-label": `Sessions of ${nameOf(user)}` }),
    button("Delete", () => deleteUser(user).then((done) => done && list.reload()),
      { class: "danger", "aria-label": `Delete ${nameOf(user)}` }));
}

// A new password with a button that makes one, so that nobody has to think of one for somebody else.
function passwordFor() {
  const chosen = newPassword("Password");
  const make = button("Make one", async () => chosen.set((await call("GET", "/api/v1/auth/generate-password")).password));
  return { chosen, node: el("div", {}, chosen, el("p", {}, make)) };
}

async function create() {
  const email = field("E-mail", { type: "email", maxlength: 254, required: true, autocomplete: "off" });
  const name = field("Name", { maxlength: 100, autocomplete: "off" });
  const admin = checkbox("Administrator", {}, "sees and may do everything");
  const { chosen, node } = passwordFor();
  const submit = () => call("POST", USERS, { email: email.input.value, display_name: name.input.value.trim() || null,
    password: chosen.value(), is_admin: admin.input.checked });
  if (await modal("New user", [email, name, node, admin], { action: "Make the account", submit })) list.reload();
}

async function change(user) {
  const name = field("Name", { maxlength: 100, value: user.display_name ?? "", autocomplete: "off" });
  const admin = checkbox("Administrator", { checked: user.is_admin }, "sees and may do everything");
  const active = checkbox("Active", { checked: user.is_active },
    "without it: no login; sessions and API tokens are gone for good, work in the queue is cancelled");
  const submit = () => call("PATCH", place(user), wish(user, name.input.value.trim(), admin.input.checked, active.input.checked));
  const reset = button("Set a new password …", () => resetPassword(user));
  const give = button("Hand over content …", () => transferContent(user.user_id, nameOf(user)));
  const content = [el("p", { class: "quiet" }, user.email), name, admin, active, el("p", { class: "actions" }, reset, give)];
  if (await modal(`Change ${nameOf(user)}`, content, { action: "Save", submit })) list.reload();
}

// Only what differs, so that two administrators don't undo each other's changes.
function wish(user, display_name, is_admin, is_active) {
  const before = { display_name: user.display_name ?? "", is_admin: user.is_admin, is_active: user.is_active };
  const after = { display_name, is_admin, is_active };
  return Object.fromEntries(Object.entries(after).filter(([key, value]) => value !== before[key]));
}

function resetPassword(user) {
  const { chosen, node } = passwordFor();
  const text = el("p", { class: "quiet" }, "All sessions of this user end. Tell them the password yourself; the host sends no mail.");
  const submit = () => call("PATCH", place(user), { password: chosen.value() });
  return modal(`New password for ${nameOf(user)}`, [text, node], { action: "Set it", submit });
}

function sessions(user) {
  const [where, tokens] = [el("div", {}), el("div", {})];
  sessionList(where, `${place(user)}/sessions`, { own: false }).load();
  tokenList(tokens, `${place(user)}/tokens`, { user: null }).load();
  return modal(`Sessions of ${nameOf(user)}`, [where, el("h3", {}, "API tokens"), tokens], { action: null, close: "Close" });
}

find("create").addEventListener("click", create);
find("legacy").addEventListener("click", () => transferContent("system", "the host itself"));
open({
  accounts: true,
  admin: true,
  begin(user) {
    me = user;
    list.reload();
  },
});
