// Doing what many events ask for: soon, but never twice at once, and not again before a rest.

const GATHER_MS = 60; // events come in bunches: one answer serves them all

// Returns a function that asks for the action. `paced(…)(true)` asks for it without the rest.
export function paced(action, restMs) {
  let timer = null;
  let again = false;
  let busy = false;
  let last = -Infinity;

  async function run() {
    timer = null;
    busy = true;
    again = false;
    last = performance.now();
    try {
      await action();
    } finally {
      busy = false;
      if (again) ask();
    }
  }

  function ask(now = false) {
    if (busy) {
      again = true;
      return;
    }
    if (now && timer !== null) {
      clearTimeout(timer);
      timer = null;
    }
    timer ??= setTimeout(run, now ? 0 : Math.max(GATHER_MS, last + restMs - performance.now()));
  }

  return ask;
}
