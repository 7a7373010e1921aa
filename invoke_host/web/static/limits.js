// The limits page, for administrators: what everyone, groups and single users may ask for, and what they have used.

import { call } from "./api.js";
import { button, el, field } from "./dom.js";
import { limitCell } from "./limit_cell.js";
import { modal } from "./modal.js";
import { LIMITS } from "./queue_words.js";
import { oops } from "./rows.js";
import { open } from "./shell.js";
import { UsageTable } from "./usage_table.js";
import { userPicker } from "./user_picker.js";

const PATH = "/api/v1/limits";
const NAMES = Object.keys(LIMITS);
const find = (id) => document.getElementById(id);
const added = new Map(); // path -> somebody without limits who has a row all the same, to be given some
const usage = new UsageTable(find("usage"));

async function load() {
  try {
    draw(await call("GET", PATH));
  } catch (error) {
    find("limits").replaceChildren(oops(error));
  }
}

// Everybody who has a row: {path, name, kind, each, together}; together is null where there is no such thing.
function subjects({ everyone, groups, users }) {
  const listed = [
    { path: "everyone", name: "Everyone", kind: "", each: everyone.each, together: null },
    ...groups.map(({ group_id: id, name, each, together }) => ({ path: `groups/${encodeURIComponent(id)}`, name, kind: "group", each, together })),
    ...users.map(({ user_id: id, email: name, each }) => ({ path: `users/${encodeURIComponent(id)}`, name, kind: "user", each, together: null })),
  ];
  const known = new Set(listed.map(({ path }) => path));
  return [...listed, ...[...added.values()].filter(({ path }) => !known.has(path))];
}

function draw(answer) {
  const rows = subjects(answer).flatMap((subject) => [
    line(subject, "each", subject.kind === "group" ? "each member" : subject.kind),
    ...(subject.together ? [line(subject, "together", "together")] : []),
  ]);
  find("limits").replaceChildren(el("table", { class: "limits" }, head(), el("tbody", {}, rows)));
}

function head() {
  const wide = (text, props) => el("th", { scope: "col", rowspan: 2, ...props }, text);
  const three = (text) => el("th", { scope: "colgroup", colspan: 3 }, text);
  return el("thead", {},
    el("tr", {}, wide("For"), NAMES.slice(0, 3).map((name) => wide(LIMITS[name].title, { title: LIMITS[name].hint })), three("Pictures a"), three("Device time a")),
    el("tr", {}, NAMES.slice(3).map((name) => el("th", { scope: "col" }, LIMITS[name].short.toLowerCase()))));
}

function line(subject, scope, note) {
  const whose = scope === "together" ? `${subject.name} together` : subject.name;
  const cells = NAMES.map((name) => {
    if (name === "weight" && scope === "together") return el("td", { class: "none" });
    const cell = limitCell({ ...LIMITS[name], weight: name === "weight" }, whose, subject[scope][name], (value) => save(subject, scope, name, value, whose));
    cell.dataset.cell = `${subject.path} ${scope} ${name}`;
    return cell;
  });
  return el("tr", { class: scope }, el("th", { scope: "row" }, subject.name, note && el("small", { class: "quiet" }, note)), cells);
}

async function save(subject, scope, name, value, whose) {
  const path = `${PATH}/${subject.path}`;
  find("done").textContent = ""; // what it says is about an earlier change; and the same words again are read out again
  if (value === undefined) await call("DELETE", `${path}/${name}?scope=${scope}`);
  else await call("PATCH", path, { [scope]: { [name]: value } });
  await load();
  find("done").textContent = `${LIMITS[name].title} of ${whose}: saved.`;
  document.querySelector(`[data-cell="${CSS.escape(`${subject.path} ${scope} ${name}`)}"] button`)?.focus();
}

async function add() {
  const kind = field("For", { tag: "select" });
  const picker = userPicker("User");
  const group = field("Group", { tag: "select" });
  const { items } = await call("GET", "/api/v1/groups/?limit=200");
  group.input.append(...items.map((each) => el("option", { value: each.group_id }, each.name)));
  kind.input.append(el("option", { value: "user" }, "a user"), el("option", { value: "group", disabled: items.length === 0 }, "a group"));
  const turn = () => ([picker.hidden, group.hidden] = [kind.input.value !== "user", kind.input.value !== "group"]);
  kind.input.addEventListener("change", turn);
  turn();
  let subject = null;
  const submit = async () => {
    if (kind.input.value === "group") {
      const name = items.find((each) => each.group_id === group.input.value).name;
      subject = { path: `groups/${encodeURIComponent(group.input.value)}`, name, kind: "group", each: {}, together: {} };
    } else {
      const id = await picker.userId();
      subject = { path: `users/${encodeURIComponent(id)}`, name: picker.input.value.trim(), kind: "user", each: {}, together: null };
    }
  };
  if (!(await modal("Limits for", [kind, picker, group], { action: "Show them", submit }))) return;
  added.set(subject.path, subject);
  await load();
  document.querySelector(`[data-cell="${CSS.escape(`${subject.path} each max_pending`)}"] button`)?.focus();
}

find("add").addEventListener("click", () => add().catch((error) => find("limits").prepend(oops(error))));
open({
  accounts: true,
  admin: true,
  begin() {
    load();
    usage.reload();
  },
});
