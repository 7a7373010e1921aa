// Where somebody is logged in: their own sessions on the account page, anybody's for administrators.

import { call } from "./api.js";
import { button, el, when } from "./dom.js";
import { confirm } from "./modal.js";
import { oops, row, rows } from "./rows.js";

const BROWSERS = [["Edg", "Edge"], ["OPR", "Opera"], ["Firefox", "Firefox"], ["Chrome", "Chrome"], ["Safari", "Safari"]];
const SYSTEMS = [["Android", "Android"], ["iPhone", "iPhone"], ["iPad", "iPad"], ["Windows", "Windows"], ["Mac OS", "Mac"],
  ["CrOS", "ChromeOS"], ["Linux", "Linux"]];

// "Firefox on Linux", or what the program calls itself.
export function device(userAgent) {
  const named = (list) => list.find(([word]) => userAgent?.includes(word))?.[1];
  const [browser, system] = [named(BROWSERS), named(SYSTEMS)];
  if (browser) return system ? `${browser} on ${system}` : browser;
  return userAgent ? userAgent.slice(0, 60) : "Unknown program";
}

// `path` is the list's address; below it is each session's.
export function sessionList(place, path, { own }) {
  const list = {
    async load() {
      try {
        draw(await call("GET", path));
      } catch (error) {
        place.replaceChildren(oops(error));
      }
    },
  };

  function draw(sessions) {
    const others = sessions.filter((session) => !session.current);
    const all = button(own ? "End all others" : "End all", () => endAll(), { class: "danger" });
    const shown = [...sessions].sort((one, other) => other.current - one.current);
    place.replaceChildren(rows(shown.map(line), "Nowhere."), el("p", { class: "row" }, others.length > 0 && all));
  }

  function line(session) {
    const name = el("strong", { title: session.user_agent ?? "" }, device(session.user_agent));
    const facts = [session.address, el("span", {}, "last seen ", when(session.last_seen_at)),
      el("span", {}, "since ", when(session.created_at)), session.remember_me ? "remembered" : null];
    if (session.current) return row([name, " ", el("span", { class: "badge live" }, "this one")], facts);
    const end = button("End", () => endOne(session), { "aria-label": `End ${device(session.user_agent)}, ${session.address}` });
    return row(name, facts, end);
  }

  async function endOne(session) {
    await call("DELETE", `${path}/${encodeURIComponent(session.session_id)}`).catch(() => {}); // the list shows what is
    list.load();
  }

  async function endAll() {
    const text = own ? "You stay logged in here, and nowhere else." : "This user is logged out everywhere.";
    if (await confirm(own ? "End all other sessions?" : "End all sessions?", text, "End", () => call("DELETE", path))) {
      list.load();
    }
  }

  return list;
}
