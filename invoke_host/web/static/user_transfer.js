// Handing what one user has made to another, all of it or a part, at once.

import { call } from "./api.js";
import { checkbox, el } from "./dom.js";
import { modal } from "./modal.js";
import { KINDS, contentOf } from "./user_content.js";
import { userPicker } from "./user_picker.js";

// `name`: whose content it is, in words.
export async function transferContent(userId, name) {
  const picker = userPicker("New owner", { without: userId });
  picker.input.required = true;
  const boxes = Object.entries(KINDS).map(([part, label]) => checkbox(label, { value: part, checked: true }));
  let moved = {};
  const submit = async () => {
    const parts = boxes.filter((box) => box.input.checked).map((box) => box.input.value);
    const body = { to_user_id: await picker.userId(), parts };
    moved = (await call("POST", `/api/v1/auth/users/${encodeURIComponent(userId)}/transfer`, body)).transferred;
  };
  const owned = el("p", { class: "quiet" }, await contentOf(userId));
  const what = el("fieldset", {}, el("legend", {}, "What?"), boxes);
  if (!(await modal(`Hand over the content of ${name}`, [owned, what, picker], { action: "Hand over", submit }))) return;
  const counts = Object.entries(moved).map(([part, count]) => el("li", {}, `${KINDS[part] ?? part}: ${count}`));
  await modal("Handed over", [el("ul", {}, counts)], { action: null, close: "Close" });
}
