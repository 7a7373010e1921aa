// Dialogs: a question, or a form that stays open until the host has agreed.

import { sentences } from "./api.js";
import { button, el, problemList } from "./dom.js";

let numbers = 0;

// Resolves to true when `submit` went through, to false when the reader went away. `action` is the word on the button;
// null: there is nothing to do but close. A `submit` that resolves to false leaves the dialog open for more.
export function modal(title, content, { action, submit = async () => {}, danger = false, close = "Cancel" }) {
  return new Promise((resolve) => {
    const id = `modal-${++numbers}`;
    const problems = problemList();
    const go = action && el("button", { class: danger ? "danger" : "primary" }, action);
    const away = button(close, () => finish(false));
    const form = el("form", { class: "plain", method: "post" }, el("h2", { id }, title), content, problems,
      el("div", { class: "row" }, go, away));
    const dialog = el("dialog", { class: "modal", "aria-labelledby": id }, form);
    // Closed from outside (a session that ended) it stays in the page, and can be opened again as it was.
    const finish = (done) => {
      dialog.close();
      dialog.remove();
      resolve(done);
    };
    dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      finish(false);
    });
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (!go || go.disabled) return;
      go.disabled = true;
      problems.say([]);
      try {
        if ((await submit()) !== false) finish(true);
      } catch (error) {
        problems.say(sentences(error));
      } finally {
        go.disabled = false;
      }
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

export const confirm = (title, text, action, submit) => modal(title, el("p", {}, text), { action, submit, danger: true });
