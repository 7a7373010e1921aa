// What every page does first: ask the host for its mode, and in multi-user mode for who is there. The page below stays
// as it is while the login form stands before it, so that nothing typed is lost when a session ends.

import { ask, call, onUnauthorized, sentences } from "./api.js";
import { button, el } from "./dom.js";
import { Gate } from "./gate.js";
import { Menu } from "./menu.js";

const ME = "/api/v1/auth/me";
const main = document.querySelector("main");

class Shell {
  constructor({ begin, end = () => {}, accounts = false, admin = false }) {
    Object.assign(this, { begin, end, accounts, admin });
    this.user = null;
    this.inside = false;
    this.checking = null;
    this.dialogs = [];
    this.gate = new Gate((user) => this.enter(user));
    this.menu = new Menu(document.querySelector("header"));
  }

  async start() {
    try {
      const status = await call("GET", "/api/v1/auth/status");
      if (!status.multiuser_enabled) return this.alone();
      onUnauthorized((path) => this.doubt(path));
      // A page out of the browser's memory would show what was there before a logout.
      window.addEventListener("pageshow", (event) => event.persisted && window.location.reload());
      if (status.setup_required) return this.gate.setup();
      return await this.whoami();
    } catch (error) {
      return this.unreachable(error);
    }
  }

  // Single-user mode: everybody is the administrator, nothing of accounts shows.
  alone() {
    if (this.accounts) return window.location.replace("/");
    main.hidden = false;
    return this.begin(null);
  }

  async whoami() {
    try {
      this.enter(await call("GET", ME));
    } catch (error) {
      if (error.status !== 401) throw error;
      this.gate.login();
    }
  }

  enter(user) {
    // Somebody else sits here now: what the page holds is not theirs.
    if (this.user && this.user.user_id !== user.user_id) return this.startAnew();
    this.user = user;
    this.inside = true;
    this.gate.close();
    this.menu.show(user);
    if (this.admin && !user.is_admin) {
      main.replaceChildren(el("p", { class: "empty" }, "Only administrators can use this page."));
    }
    main.hidden = false;
    this.dialogs.splice(0).forEach((dialog) => dialog.showModal());
    if (!this.admin || user.is_admin) this.begin(user);
  }

  startAnew() {
    document.querySelectorAll("form").forEach((form) => form.reset()); // browsers fill in again what was typed
    window.location.reload();
  }

  // A 401: ask once more, plainly, whether the session still stands; only then close the page.
  doubt(path) {
    if (!this.inside || path === ME) return;
    this.recheck();
  }

  // True when the session still stands, or when the host can't be asked.
  recheck() {
    this.checking ??= ask("GET", ME)
      .then(({ content }) => this.changed(content), (error) => (error.status === 401 ? this.leave() : true))
      .finally(() => (this.checking = null));
    return this.checking;
  }

  changed(user) {
    this.user = user;
    this.menu.show(user);
    return true;
  }

  leave() {
    if (!this.inside) return false;
    this.inside = false;
    this.end();
    this.menu.hide();
    this.dialogs = [...document.querySelectorAll("dialog[open]")];
    this.dialogs.forEach((dialog) => dialog.close());
    main.hidden = true;
    this.gate.login("Your session has ended. What you typed is still there: log in to go on.");
    return false;
  }

  unreachable(error) {
    const again = button("Try again", () => window.location.reload());
    const text = el("ul", { class: "problems", role: "alert" }, sentences(error).map((line) => el("li", {}, line)));
    this.gate.node.replaceChildren(el("h1", { id: "gate-title" }, "Not now"), el("div", { class: "card" }, text, again));
    this.gate.node.hidden = false;
  }
}

// Starts the page. `begin(user)` is called after each login (user null: single-user mode), `end()` when a session ends.
// `accounts`: the page exists in multi-user mode only; `admin`: for administrators only.
export function open(options) {
  const shell = new Shell(options);
  shell.start();
  return shell;
}
