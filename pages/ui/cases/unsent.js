// What was done on a board and is not known to be stored. The tab keeps it, so that neither another
// page nor a reload loses it; board.js and outbox.js begin with this.

const UNSENT = "blastlens_unsent";

function unsent() {
  if (!window[UNSENT]) {
    try {
      window[UNSENT] = JSON.parse(sessionStorage.getItem(UNSENT)) ?? [];
    } catch {
      window[UNSENT] = []; // a browser that keeps nothing
    }
  }
  return window[UNSENT];
}

// Adds an action; by its key the server knows whether it was done already.
function keep(action) {
  const key = [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
  store([...unsent(), { ...action, key, at: Date.now() }]);
}

function forget(keys) {
  const left = unsent().filter((action) => !keys.includes(action.key));
  if (left.length < unsent().length) store(left);
}

function store(actions) {
  window[UNSENT] = actions;
  try {
    sessionStorage.setItem(UNSENT, JSON.stringify(actions));
  } catch {
    // then only a reload loses it
  }
}
