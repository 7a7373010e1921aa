// Who may see a board and do what there: visibility for everybody, and roles for chosen people and groups.

import { call, sentences } from "./api.js";
import { button, el, field, problemList } from "./dom.js";
import { modal } from "./modal.js";
import { row, rows } from "./rows.js";

const VISIBILITIES = {
  private: ["Private", "Only you, and the people and groups below."],
  shared: ["Everybody may look", "All users see the board and its pictures."],
  public: ["Everybody may add", "All users see it and put their own pictures on it."],
};
const ROLES = {
  viewer: "may look",
  contributor: "may add own pictures",
  editor: "may change everything on it",
};

export async function shareBoard(board, user) {
  const path = `/api/v1/boards/${encodeURIComponent(board.board_id)}`;
  const place = el("div", {}, el("p", { class: "quiet" }, "Loading …"));
  const problems = problemList();
  const who = field("Share with", { autocomplete: "off", autocapitalize: "none", maxlength: 254, placeholder: "E-mail or name of a group" });
  const role = roleSelect("Role", "viewer");
  let shown = board;

  async function act(action) {
    problems.say([]);
    try {
      await action();
      await reload();
    } catch (error) {
      problems.say(sentences(error));
    }
  }

  async function reload() {
    const { grants } = await call("GET", `${path}/grants`);
    place.replaceChildren(rows(grants.map((grant) => {
      const choice = roleSelect(`Role of ${grant.name}`, grant.role, true);
      choice.input.addEventListener("change", () => act(() => put({ user_id: grant.user_id ?? undefined, group_id: grant.group_id ?? undefined, role: choice.input.value })));
      return row(grant.name, [grant.group_id ? "group" : null, ROLES[grant.role]], choice.input,
        button("Remove", () => act(() => call("DELETE", `${path}/grants/${grant.id}`)), { "aria-label": `Remove ${grant.name}`, class: "danger" }));
    }), "Not shared with anybody in particular."));
  }

  const put = (body) => call("PUT", `${path}/grants`, body);

  async function add() {
    const name = who.input.value.trim();
    if (!name) return;
    await act(async () => {
      await put({ [name.includes("@") ? "email" : "group"]: name, role: role.input.value });
      who.input.value = "";
    });
  }

  const choices = Object.entries(VISIBILITIES).map(([value, [title, hint]]) => {
    const input = el("input", { type: "radio", name: "visibility", value, checked: board.board_visibility === value,
      on: { change: () => act(async () => (shown = await call("PATCH", path, { board_visibility: value }))) } });
    return el("label", { class: "check" }, input, el("span", {}, title, el("small", { class: "quiet" }, hint)));
  });
  who.input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    add();
  });
  const content = [
    el("fieldset", {}, el("legend", {}, "Everybody on this host"), choices),
    el("h3", {}, "People and groups"), place,
    el("div", { class: "share-with" }, who, role, button("Share", add)),
    board.permissions.includes("transfer") && el("p", {}, button("Give the board to somebody else …", () => giveAway(path, user, (given) => (shown = given)))),
    problems,
  ];
  reload().catch((error) => problems.say(sentences(error)));
  await modal(`Share “${board.board_name}”`, content, { action: null, close: "Done" });
  return shown;
}

async function giveAway(path, user, given) {
  const email = field("E-mail of the new owner", { type: "text", inputmode: "email", autocapitalize: "none", required: true, maxlength: 254 });
  const keep = roleSelect("What you may do afterwards", "editor", false, { "": "nothing more than everybody" });
  await modal("Give the board away?", [el("p", {}, "The pictures on it stay with whoever made them."), email, user ? keep : null], {
    action: "Give away",
    danger: true,
    submit: async () => given(await call("POST", `${path}/transfer`, { email: email.input.value.trim(), keep_role: (user && keep.input.value) || null })),
  });
}

function roleSelect(label, chosen, bare = false, more = {}) {
  const node = field(label, { tag: "select", "aria-label": bare ? label : null });
  for (const [value, text] of Object.entries({ ...ROLES, ...more })) {
    node.input.append(el("option", { value, selected: value === chosen, title: text }, value ? value[0].toUpperCase() + value.slice(1) : text));
  }
  return node;
}
