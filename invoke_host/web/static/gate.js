// What stands before the pages while nobody is logged in: the login form, or at the very first the setup form.

import { ApiError, call, sentences } from "./api.js";
import { checkbox, el, field, problemList } from "./dom.js";
import { newPassword, passwordField } from "./password.js";

export class Gate {
  constructor(passed) {
    this.passed = passed; // called with the user who has logged in
    this.node = el("section", { id: "gate", hidden: true, "aria-labelledby": "gate-title" });
    document.querySelector("header").after(this.node);
  }

  close() {
    clearInterval(this.counting);
    this.node.hidden = true;
    this.node.replaceChildren();
  }

  login(notice = "") {
    const email = field("E-mail", { name: "email", type: "text", inputmode: "email", autocomplete: "username",
      autocapitalize: "none", spellcheck: "false", maxlength: 256, required: true });
    const password = passwordField("Password", { name: "password", autocomplete: "current-password", required: true });
    const remember = checkbox("Keep me logged in on this device", { name: "remember_me" });
    this.form("Log in", notice, "Log in", [email, password, remember], () =>
      this.enter(email.input.value.trim(), password.input.value, remember.input.checked));
    this.input = password.input;
    email.input.focus();
  }

  setup() {
    const email = field("E-mail", { name: "email", type: "email", autocomplete: "username", maxlength: 254, required: true });
    const name = field("Your name", { name: "display_name", autocomplete: "name", maxlength: 100 });
    const password = newPassword("Password");
    const code = field("Setup code", { name: "setup_code", autocomplete: "off", autocapitalize: "none", spellcheck: "false",
      maxlength: 64, required: true, placeholder: "xxxx-xxxx-xxxx-xxxx" },
      "The host printed it when it started: look at its terminal or its log.");
    this.form("Welcome", "This host has no administrator yet. Make the first account: it may do everything.",
      "Make the administrator", [email, name, password, code], async () => {
        await call("POST", "/api/v1/auth/setup", {
          email: email.input.value, display_name: name.input.value.trim() || null, password: password.value(),
          setup_code: code.input.value.trim(),
        });
        const chosen = [email.input.value, password.value()];
        this.login("The account is made. Log in with it.");
        await this.enter(...chosen, false);
      });
    email.input.focus();
  }

  async enter(email, password, remember) {
    const { user } = await call("POST", "/api/v1/auth/login", { email, password, remember_me: remember });
    this.passed(user);
  }

  form(title, notice, action, fields, submit) {
    clearInterval(this.counting);
    this.problems = problemList();
    this.button = el("button", { class: "primary" }, action);
    this.input = null;
    // `post`: should this script ever fail to run, nothing typed ends up in an address.
    const form = el("form", { class: "card", method: "post" }, fields, this.problems, this.button);
    form.addEventListener("submit", (event) => this.submit(event, submit));
    const text = notice && el("p", { class: "notice", role: "status" }, notice);
    this.node.replaceChildren(...[el("h1", { id: "gate-title" }, title), text, form].filter(Boolean));
    this.node.hidden = false;
  }

  async submit(event, action) {
    event.preventDefault();
    if (this.button.disabled) return;
    this.button.disabled = true;
    clearInterval(this.counting);
    this.problems.say([]);
    try {
      await action();
      return;
    } catch (error) {
      this.button.disabled = false;
      if (this.input) {
        this.input.focus();
        this.input.select();
      }
      if (!(error instanceof ApiError)) {
        this.problems.say(sentences(error));
        throw error;
      }
      this.explain(error);
    }
  }

  explain(error) {
    if (error.status === 429) {
      this.wait(error.retryAfterS || 1, (left) => `Too many failed tries. Try again in ${duration(left)}.`);
    } else if (error.status === 503) {
      this.problems.say(["The server can't check logins now. Your password may well be right: try again in a while."]);
    } else {
      this.problems.say(error.problems);
    }
  }

  // Counts down on the page. The sentence is read out once, the seconds that follow are not.
  wait(seconds, sentence) {
    const until = Date.now() + seconds * 1000;
    const label = this.button.textContent;
    this.button.disabled = true;
    this.problems.say([sentence(seconds)]);
    const tick = () => {
      const left = Math.ceil((until - Date.now()) / 1000);
      if (left > 0) {
        this.button.textContent = `Wait ${duration(left)}`;
        return;
      }
      clearInterval(this.counting);
      this.button.textContent = label;
      this.button.disabled = false;
      this.problems.say([]);
    };
    this.counting = setInterval(tick, 250);
    tick();
  }
}

function duration(seconds) {
  return seconds < 120 ? `${seconds} s` : `${Math.ceil(seconds / 60)} minutes`;
}
