// A field that finds a user by e-mail: suggestions come from the host as one types.

import { ApiError, call } from "./api.js";
import { el, field } from "./dom.js";
import { query } from "./rows.js";

const TYPING_MS = 200;
let numbers = 0;

// `userId()` resolves to the id of the user whose e-mail is in the field, or throws a sentence.
export function userPicker(label, { without = null } = {}) {
  const id = `people-${++numbers}`;
  const node = field(label, { type: "text", inputmode: "email", list: id, autocomplete: "off", autocapitalize: "none",
    maxlength: 254, placeholder: "E-mail" });
  const options = el("datalist", { id });
  const found = new Map(); // e-mail -> user id, of everybody suggested so far
  let waiting = null;
  node.append(options);

  async function look(search) {
    const users = await call("GET", `/api/v1/auth/users?${query({ search, limit: 20 })}`);
    users.filter((user) => user.user_id !== without).forEach((user) => found.set(user.email, user.user_id));
    const shown = users.filter((user) => user.user_id !== without && user.is_active);
    options.replaceChildren(...shown.map((user) => el("option", { value: user.email }, user.display_name ?? "")));
  }

  node.input.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => look(node.input.value.trim()).catch(() => {}), TYPING_MS);
  });
  return Object.assign(node, {
    async userId() {
      const email = node.input.value.trim().toLowerCase();
      if (!found.has(email)) await look(email);
      if (!found.has(email)) throw new ApiError(0, [`There is no other user with the e-mail ${email}.`]);
      return found.get(email);
    },
  });
}
