// Pictures from the reader's own machine: chosen with a button, or dropped anywhere on the page.

import { ApiError, call, sentences } from "./api.js";
import { query } from "./rows.js";

const KINDS = ["image/png", "image/jpeg", "image/webp"];

export class Upload {
  // `board()` is the id of the board they go to, or null; `say(problems)` tells what went wrong.
  constructor({ input, bar, board, say, done }) {
    Object.assign(this, { input, bar, board, say, done });
    input.accept = KINDS.join(",");
    input.addEventListener("change", () => this.send([...input.files]).then(() => (input.value = "")));
    document.addEventListener("dragover", (event) => this.isFiles(event) && event.preventDefault());
    document.addEventListener("drop", (event) => {
      if (!this.isFiles(event)) return;
      event.preventDefault();
      this.send([...event.dataTransfer.files]);
    });
  }

  isFiles(event) {
    return [...(event.dataTransfer?.types ?? [])].includes("Files") && !document.querySelector("main").hidden;
  }

  // One after the other: what fails is told by name, and the others go on.
  async send(files) {
    const problems = [];
    const query_ = query({ image_category: "user", is_intermediate: false, board_id: this.board() });
    this.bar.max = files.length;
    for (const [index, file] of files.entries()) {
      this.bar.hidden = false;
      this.bar.value = index;
      const form = new FormData();
      form.append("file", file);
      try {
        await call("POST", `/api/v1/images/upload?${query_}`, form);
      } catch (error) {
        problems.push(...sentences(error).map((text) => `${file.name}: ${text}`));
        if (!(error instanceof ApiError)) throw error;
      }
    }
    this.bar.hidden = true;
    this.say(problems);
    this.done();
  }
}
