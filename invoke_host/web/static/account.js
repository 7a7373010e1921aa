// The account page: name, password, sessions and API tokens of whoever is logged in.

import { call, sentences } from "./api.js";
import { el, field, problemList } from "./dom.js";
import { newPassword, passwordField } from "./password.js";
import { oops } from "./rows.js";
import { sessionList } from "./sessions.js";
import { open } from "./shell.js";
import { tokenList } from "./tokens.js";

const ME = "/api/v1/auth/me";
const find = (id) => document.getElementById(id);

// A form that says how it went. `submit` resolves to the sentence that is shown then.
function form(fields, action, submit) {
  const problems = problemList();
  const done = el("span", { class: "good", role: "status" });
  const go = el("button", { class: "primary" }, action);
  const node = el("form", { class: "plain", method: "post" }, fields, problems, el("div", { class: "row middle" }, go, done));
  node.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (go.disabled) return;
    go.disabled = true;
    problems.say([]);
    done.textContent = "";
    try {
      done.textContent = await submit();
    } catch (error) {
      problems.say(sentences(error));
    } finally {
      go.disabled = false;
    }
  });
  return node;
}

async function profile(user) {
  const name = field("Name", { autocomplete: "name", maxlength: 100, value: user.display_name ?? "" });
  const groups = await call("GET", "/api/v1/groups/mine").catch(() => []);
  const facts = [user.email, user.is_admin && "administrator", groups.length > 0 &&
    `in ${groups.map((group) => group.name).join(", ")}`].filter(Boolean);
  const change = form([name], "Save", async () => {
    shell.changed(await call("PATCH", ME, { display_name: name.input.value.trim() }));
    return "Saved.";
  });
  find("profile").replaceChildren(el("p", { class: "quiet" }, facts.join(" · ")), change);
}

function password(user, sessions) {
  // Not shown, but password managers want to know whose password this is.
  const whose = el("input", { type: "text", autocomplete: "username", value: user.email, hidden: true, readonly: true });
  const current = passwordField("Current password", { autocomplete: "current-password", required: true });
  const chosen = newPassword();
  const change = form([whose, current, chosen], "Change password", async () => {
    await call("PATCH", ME, { current_password: current.input.value, new_password: chosen.value() });
    current.input.value = "";
    chosen.clear();
    sessions.load();
    return "Changed. Your other sessions have ended.";
  });
  find("password").replaceChildren(change);
}

const shell = open({
  accounts: true,
  begin(user) {
    const sessions = sessionList(find("sessions"), "/api/v1/auth/sessions", { own: true });
    const filled = find("password").hasChildNodes(); // after a new login, what was typed stays
    sessions.load();
    tokenList(find("tokens"), "/api/v1/auth/tokens", { user }).load();
    if (filled) return;
    profile(user).catch((error) => find("profile").replaceChildren(oops(error)));
    password(user, sessions);
  },
});
