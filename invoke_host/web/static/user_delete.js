// Deleting an account asks what becomes of the pictures and the queue history.

import { call } from "./api.js";
import { el } from "./dom.js";
import { modal } from "./modal.js";
import { query } from "./rows.js";
import { contentOf } from "./user_content.js";
import { userPicker } from "./user_picker.js";

const CHOICES = [
  ["keep", "Keep it", "it goes to the host itself, and only administrators see it; it can be handed over later"],
  ["transfer", "Give it to another user", "they become its owner"],
  ["purge", "Delete it", "pictures and history are gone for good"],
];

// Resolves to true when the account is gone.
export async function deleteUser(user) {
  const name = user.display_name || user.email;
  const picker = userPicker("New owner", { without: user.user_id });
  picker.hidden = true;
  const radios = CHOICES.map(([value, label, meaning]) => {
    const input = el("input", { type: "radio", name: "content", value, checked: value === "keep" });
    input.addEventListener("change", () => {
      picker.hidden = value !== "transfer";
      picker.input.required = value === "transfer";
    });
    return el("label", { class: "check" }, input, el("span", {}, label, el("small", { class: "quiet" }, meaning)));
  });
  const chosen = () => radios.map((label) => label.firstChild).find((input) => input.checked).value;
  const submit = async () => {
    const to = chosen() === "transfer" ? await picker.userId() : "";
    await call("DELETE", `/api/v1/auth/users/${encodeURIComponent(user.user_id)}?${query({ content: chosen(), to })}`);
  };
  const question = el("fieldset", {}, el("legend", {}, "What becomes of their pictures and queue history?"), radios);
  const owned = el("p", { class: "quiet" }, await contentOf(user.user_id));
  const text = el("p", {}, "The account, its sessions and its API tokens are gone at once and can't be brought back.");
  return modal(`Delete ${name}?`, [text, owned, question, picker], { action: "Delete the account", submit, danger: true });
}
