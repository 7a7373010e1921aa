// The menu of whoever is logged in, at the end of the header.

import { call } from "./api.js";
import { button, el } from "./dom.js";

export class Menu {
  constructor(header) {
    this.name = el("summary", {});
    this.list = el("nav", { "aria-label": "Account" });
    this.node = el("details", { id: "account-menu", class: "menu", hidden: true }, this.name, this.list);
    header.append(this.node);
    this.node.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.node.open) return;
      this.node.open = false;
      this.name.focus();
    });
    document.addEventListener("click", (event) => {
      if (!this.node.contains(event.target)) this.node.open = false;
    });
  }

  show(user) {
    const link = (path, text) =>
      el("a", { href: path, "aria-current": window.location.pathname === path ? "page" : null }, text);
    this.name.textContent = user.display_name || user.email;
    this.list.replaceChildren(
      el("p", { class: "quiet" }, user.email, user.is_admin ? " · administrator" : ""),
      link("/", "Pictures"),
      link("/account", "Account"),
      ...(user.is_admin ? [link("/users", "Users"), link("/groups", "Groups"), link("/limits", "Limits")] : []),
      button("Log out", () => this.logout()),
    );
    this.node.hidden = false;
  }

  hide() {
    this.node.open = false;
    this.node.hidden = true;
  }

  async logout() {
    // Also where the host can't be reached: what this page shows must go.
    await call("POST", "/api/v1/auth/logout").catch(() => {});
    window.location.assign("/");
  }
}
