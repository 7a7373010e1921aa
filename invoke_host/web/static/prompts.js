// One prompt per line: a list of prompts becomes one batch, a picture (or several) of each.

import { plural } from "./queue_words.js";

const MOST_LINES = 10_000;

export class PromptLines {
  // `box` says whether lines count, `prompt` is the field, `count` how many pictures of each, `note` tells how many in all.
  constructor({ box, prompt, count, note }) {
    Object.assign(this, { box, prompt, count, note });
    this.length = prompt.maxLength;
    this.placeholder = prompt.placeholder;
    box.addEventListener("change", () => this.changed());
    for (const field of [prompt, count]) field.addEventListener("input", () => this.tell());
    this.changed();
  }

  lines() {
    return this.prompt.value.split("\n").map((line) => line.trim()).filter(Boolean);
  }

  changed() {
    const { box, prompt } = this;
    if (box.checked) prompt.removeAttribute("maxlength");
    else prompt.maxLength = this.length;
    prompt.rows = box.checked ? 5 : 2;
    prompt.placeholder = box.checked ? "a red apple\na green pear\na yellow lemon" : this.placeholder;
    this.tell();
  }

  tell() {
    const prompts = this.lines().length;
    const each = Number(this.count.value) || 1;
    const product = each > 1 ? ` × ${each} = ${plural(prompts * each, "picture")}` : "";
    this.note.textContent = !this.box.checked || prompts === 0 ? "" : prompts > MOST_LINES ? `At most ${plural(MOST_LINES, "prompt")}.`
      : `${plural(prompts, "prompt")}${product}`;
  }

  // The part of the request that says so.
  wish() {
    const prompts = this.box.checked ? this.lines() : [];
    if (prompts.length < 2) return {};
    return { positive_prompt: prompts[0], data: [[{ field_name: "positive_prompt", items: prompts }]] };
  }
}
