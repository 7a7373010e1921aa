// How much somebody owns, in words: asked before it is handed over or removed.

import { call } from "./api.js";

export const KINDS = {
  images: "Pictures",
  boards: "Boards",
  queue: "Queue history",
  workflows: "Workflows",
  style_presets: "Style presets",
  system_prompts: "System prompts",
};

export async function contentOf(userId) {
  const { content } = await call("GET", `/api/v1/auth/users/${encodeURIComponent(userId)}/content`);
  const parts = Object.entries(content).map(([kind, count]) => `${KINDS[kind] ?? kind}: ${count.toLocaleString()}`);
  return parts.join(" · ");
}
