// What one does with a board as a whole: make, rename, archive, delete it.

import { call } from "./api.js";
import { checkbox, el, field } from "./dom.js";
import { confirm, modal } from "./modal.js";
import { query } from "./rows.js";

const LIST = "/api/v1/boards/";
const path = (board) => `${LIST}${encodeURIComponent(board.board_id)}`;

// Each resolves to what the host answered, or to null when the reader changed their mind.

export async function createBoard() {
  const name = field("Name", { required: true, maxlength: 300, autocomplete: "off" });
  let made = null;
  await modal("New board", name, {
    action: "Make board",
    submit: async () => (made = await call("POST", `${LIST}?${query({ board_name: name.input.value.trim() })}`)),
  });
  return made;
}

export async function renameBoard(board) {
  const name = field("Name", { required: true, maxlength: 300, autocomplete: "off", value: board.board_name });
  let changed = null;
  await modal("Rename board", name, {
    action: "Rename",
    submit: async () => (changed = await call("PATCH", path(board), { board_name: name.input.value.trim() })),
  });
  return changed;
}

export const archiveBoard = (board) => call("PATCH", path(board), { archived: !board.archived });

export const coverOf = (board, name) => call("PATCH", path(board), { cover_image_name: name });

export async function deleteBoard(board) {
  const total = board.image_count + board.asset_count;
  const pictures = checkbox("Put its pictures into the trash as well", {}, "Otherwise they stay with whoever made them, on no board.");
  const text = el("p", {}, `“${board.board_name}” has ${total} ${total === 1 ? "picture" : "pictures"}. The board itself can't be brought back.`);
  let answer = null;
  await modal("Delete this board?", [text, total > 0 ? pictures : null], {
    action: "Delete board",
    danger: true,
    submit: async () => (answer = await call("DELETE", `${path(board)}?${query({ include_images: pictures.input.checked })}`)),
  });
  return answer;
}

export const leaveBoard = (board) =>
  confirm("Leave this board?", `“${board.board_name}” then is not shared with you any more. Its owner can share it again.`, "Leave",
    () => call("DELETE", `${path(board)}/grants/mine`));
