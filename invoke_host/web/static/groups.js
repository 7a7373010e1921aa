// The groups page, for administrators: make groups, say who is in them.

import { call } from "./api.js";
import { button, el, field } from "./dom.js";
import { confirm, modal } from "./modal.js";
import { SearchedList, oops, query, row, rows } from "./rows.js";
import { open } from "./shell.js";
import { userPicker } from "./user_picker.js";

const GROUPS = "/api/v1/groups/";
const find = (id) => document.getElementById(id);
const address = (group) => `${GROUPS}${encodeURIComponent(group.group_id)}`;

const list = new SearchedList(find("groups"), "None.", async (search, cursor) => {
  const { items, total, next_cursor: next } = await call("GET", `${GROUPS}?${query({ search, cursor, limit: 50 })}`);
  return { items, total, next };
}, line);

function line(group) {
  const count = `${group.member_count} ${group.member_count === 1 ? "member" : "members"}`;
  return row(el("strong", {}, group.name), [count, group.description],
    button("Members", () => members(group), { "aria-label": `Members of ${group.name}` }),
    button("Change", () => edit(group), { "aria-label": `Change ${group.name}` }),
    button("Delete", () => remove(group), { class: "danger", "aria-label": `Delete ${group.name}` }));
}

async function edit(group) {
  const name = field("Name", { maxlength: 128, required: true, value: group?.name ?? "", autocomplete: "off" });
  const description = field("Description", { maxlength: 1024, value: group?.description ?? "", autocomplete: "off" });
  const submit = () => call(group ? "PATCH" : "POST", group ? address(group) : GROUPS,
    { name: name.input.value, description: description.input.value });
  const title = group ? `Change ${group.name}` : "New group";
  if (await modal(title, [name, description], { action: group ? "Save" : "Make the group", submit })) list.reload();
}

async function remove(group) {
  const text = "Its members stay users. What was granted to the group is granted to nobody.";
  if (await confirm(`Delete ${group.name}?`, text, "Delete", () => call("DELETE", address(group)))) list.reload();
}

async function members(group) {
  const place = el("div", {});
  const picker = userPicker("Add");
  picker.input.required = true;
  let cursor = "";
  let shown = [];

  async function load(start) {
    if (start) [cursor, shown] = ["", []];
    try {
      const page = await call("GET", `${address(group)}/members?${query({ cursor, limit: 50 })}`);
      shown.push(...page.items);
      cursor = page.next_cursor;
      place.replaceChildren(rows(shown.map(member), "Nobody is in it."), cursor ? button("Show more", () => load(false)) : "");
    } catch (error) {
      place.replaceChildren(oops(error));
    }
  }

  const member = (user) => row(el("strong", {}, user.display_name || user.email), [user.display_name ? user.email : null,
    user.is_active ? null : "deactivated"],
    button("Take out", async () => {
      await call("DELETE", `${address(group)}/members/${encodeURIComponent(user.user_id)}`).catch(() => {}); // the list shows what is
      load(true);
    }, { "aria-label": `Take ${user.email} out` }));

  // The dialog stays open for the next one: adding is done by its own button.
  const submit = async () => {
    await call("PUT", `${address(group)}/members/${encodeURIComponent(await picker.userId())}`);
    picker.input.value = "";
    await load(true);
    return false;
  };
  load(true);
  await modal(`Members of ${group.name}`, [place, picker], { action: "Add", submit, close: "Close" });
  list.reload();
}

find("create").addEventListener("click", () => edit(null));
open({ accounts: true, admin: true, begin: () => list.reload() });
