// The board of a case's cells: select, decide by key or button, undo.
//
// What the user does is shown at once and kept as unsent (see unsent.js), which is sent whole with
// each action until the server has acknowledged it: an action is neither lost nor done twice, however
// fast the keys are pressed.

const KEYS = { 1: "ALL", 2: "HEM", 3: "other", 4: "no cell", 5: "excluded" };
const STATES = new WeakMap();

export default function ({ parentElement, data, setStateValue }) {
  let board = STATES.get(parentElement);
  if (!board) {
    board = { decided: [], chosen: new Set() };
    STATES.set(parentElement, board);
    parentElement.appendChild(document.createElement("div")).className = "board";
  }
  board.data = data;
  board.send = setStateValue;
  board.root = parentElement.querySelector(".board");
  if (data.pictures) board.pictures = data.pictures;
  board.order = data.rows.flatMap((row) => row.cells.map((cell) => cell.id));
  board.cells = new Map(data.rows.flatMap((row) => row.cells.map((cell) => [cell.id, cell])));
  forget(data.acknowledged);
  if (!board.cells.has(board.current)) {
    board.current = data.current ?? board.order[0] ?? null;
    board.chosen = new Set(board.current ? [board.current] : []);
    board.anchor = board.current;
  }
  for (const action of queue(board)) show(board, action);
  // Not there if the board was shown elsewhere before, or cells were added: asks for them.
  if (!board.order.every((id) => board.pictures && id in board.pictures)) {
    board.pictures = undefined;
    tell(board);
    return;
  }
  draw(board);
  if (!board.revealed) reveal(board); // a cell that the board was opened at
  board.revealed = true;

  const onKey = (event) => key(board, event);
  document.removeEventListener("keydown", board.onKey);
  document.addEventListener("keydown", onKey);
  board.onKey = onKey;
  return () => document.removeEventListener("keydown", onKey);
}

function draw(board) {
  const shape = board.data.rows.map((row) => [row.title, row.cells.map((cell) => cell.id)]);
  const drawn = JSON.stringify([shape, board.data.locked]);
  if (board.drawn !== drawn) {
    board.root.replaceChildren(toolbar(board), ...board.data.rows.map((row) => strip(board, row)));
    board.drawn = drawn;
    board.tiles = new Map(
      [...board.root.querySelectorAll(".tile")].map((tile) => [tile.dataset.id, tile]),
    );
  }
  for (const [id, tile] of board.tiles) {
    const { label, by, call } = board.cells.get(id);
    tile.classList.toggle("current", id === board.current);
    tile.classList.toggle("chosen", board.chosen.has(id));
    tile.setAttribute("aria-selected", board.chosen.has(id));
    tile.querySelector(".label").textContent = label ?? "";
    tile.dataset.label = label ?? "";
    tile.title = `${board.cells.get(id).name}${label ? `: ${label} by ${by}` : ""}`;
    tile.setAttribute("aria-label", `${tile.title}${call ? `, the model: ${call}` : ""}`);
  }
  const left = board.order.filter((id) => !board.cells.get(id).label).length;
  const count = `${left} of ${board.order.length} undecided`;
  const unsaved = queue(board).length;
  const saving = unsaved ? `Saving ${unsaved} … ` : "";
  board.root.querySelector(".left").textContent = `${board.hint ?? ""}${saving}${count}`;
  board.hint = "";
}

function toolbar(board) {
  const bar = element("div", "bar");
  const add = (text, hint, run) => {
    const button = element("button", "", text);
    button.title = hint;
    button.disabled = board.data.locked;
    button.onclick = run;
    button.onmousedown = (event) => event.preventDefault(); // so that Enter still confirms
    bar.append(button);
  };
  for (const [number, label] of Object.entries(KEYS))
    add(`${label}  ${number}`, `Key ${number}`, () => decide(board, label));
  if (!board.data.blind) add("Confirm  ↵", "Enter: what the model called", () => confirm(board));
  add("Undo  U", "Key U", () => act(board, { kind: "undo" }));
  bar.append(element("span", "left"));
  return bar;
}

function strip(board, row) {
  const section = element("section", "row");
  section.append(element("h3", "", row.title));
  const tiles = element("div", "tiles");
  tiles.setAttribute("role", "listbox");
  tiles.setAttribute("aria-label", row.title);
  tiles.setAttribute("aria-multiselectable", "true");
  for (const cell of row.cells) {
    const tile = element("div", "tile");
    tile.dataset.id = cell.id;
    tile.setAttribute("role", "option");
    const picture = element("img");
    picture.src = board.pictures[cell.id];
    picture.alt = "";
    tile.append(picture, element("span", "note", cell.note), element("span", "label"));
    tile.onclick = (event) => choose(board, cell.id, event);
    tiles.append(tile);
  }
  section.append(tiles);
  return section;
}

// Keys of whoever writes or has a dialog open, and those that press or turn what has the focus.
const WRITING = "textarea, select, input:not([type=radio]), [contenteditable]";
const PRESSED = "a, button, summary, input, [role=button], [role=radio], [role=tab]";
const TURNED = "input, [role=radio], [role=tab], [role=slider], [role=grid]";

function key(board, event) {
  const inside = event.composedPath()[0];
  if (event.altKey || event.metaKey || !board.root.isConnected) return;
  if (inside.closest(WRITING) || document.querySelector("[role=dialog]")) return;
  // With Caps Lock, too.
  const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.ctrlKey && name !== "z") return;
  if (inside.closest({ Enter: PRESSED, ArrowLeft: TURNED, ArrowRight: TURNED }[name] ?? "none")) return;
  const run = {
    ArrowRight: () => step(board, 1, event.shiftKey),
    ArrowLeft: () => step(board, -1, event.shiftKey),
    Enter: () => confirm(board),
    u: () => act(board, { kind: "undo" }),
    z: () => event.ctrlKey && act(board, { kind: "undo" }),
  }[name];
  const label = KEYS[name];
  if (!run && !label) return;
  event.preventDefault();
  if (event.repeat && !name.startsWith("Arrow")) return; // a key that is held acts once
  if (label) decide(board, label);
  else run();
}

function choose(board, id, event) {
  if (event.shiftKey && board.anchor) {
    const [from, to] = [board.order.indexOf(board.anchor), board.order.indexOf(id)];
    board.chosen = new Set(board.order.slice(Math.min(from, to), Math.max(from, to) + 1));
  } else if (event.ctrlKey || event.metaKey) {
    if (!board.chosen.delete(id)) board.chosen.add(id);
    board.anchor = id;
  } else {
    board.chosen = new Set([id]);
    board.anchor = id;
  }
  go(board, id);
}

function step(board, by, extend) {
  const next = board.order[board.order.indexOf(board.current) + by];
  if (next === undefined) return;
  if (extend) board.chosen.add(next);
  else {
    board.chosen = new Set([next]);
    board.anchor = next;
  }
  go(board, next);
}

function go(board, id) {
  board.current = id;
  draw(board);
  reveal(board);
  tell(board);
}

function reveal(board) {
  const tile = board.tiles.get(board.current);
  tile?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function decide(board, label) {
  if (!board.chosen.size) return;
  act(board, { kind: "decide", label, cells: seen(board, board.chosen) });
}

function confirm(board) {
  const called = [...board.chosen].filter((id) => board.cells.get(id).call);
  if (!called.length) {
    const left = [...board.chosen].some((id) => !board.cells.get(id).label);
    board.hint = left ? "The model did not call it: decide by 1 to 5. " : "";
    step(board, 1, false);
  }
  for (const label of ["ALL", "HEM"]) {
    const cells = called.filter((id) => board.cells.get(id).call === label);
    if (cells.length) act(board, { kind: "decide", label, cells: seen(board, cells) });
  }
}

function act(board, action) {
  if (board.data.locked) return;
  const { case: name, person, version } = board.data;
  keep({ ...action, case: name, person, version });
  show(board, action);
  let chosen = null;
  if (action.kind === "undo") chosen = board.decided.pop(); // back at what is undecided again
  else {
    const cells = Object.keys(action.cells);
    board.decided.push(cells);
    chosen = [following(board, cells)];
  }
  const next = chosen?.[0] ?? board.current;
  if (next !== board.current) {
    board.chosen = new Set(chosen);
    board.anchor = next;
  }
  go(board, next);
}

// The next cell after the last of those decided that nobody has decided.
function following(board, cells) {
  const last = Math.max(...cells.map((id) => board.order.indexOf(id)));
  const later = [...board.order.slice(last + 1), ...board.order.slice(0, last)];
  return later.find((id) => !board.cells.get(id).label) ?? board.order[last];
}

function show(board, action) {
  for (const id of Object.keys(action.cells ?? {})) {
    const cell = board.cells.get(id);
    if (cell) Object.assign(cell, { label: action.label, by: board.data.person });
  }
}

function tell(board) {
  const has_pictures = board.pictures !== undefined;
  board.send("said", { current: board.current, actions: queue(board), has_pictures });
}

// What is not known to be stored of what this person did in this case.
function queue(board) {
  const { case: name, person } = board.data;
  return unsent().filter((action) => action.case === name && action.person === person);
}

// Cells with the versions that the server has told of, so that it can refuse what is stale.
function seen(board, ids) {
  return Object.fromEntries([...ids].map((id) => [id, board.cells.get(id).version]));
}

function element(name, style, text) {
  const made = document.createElement(name);
  if (style) made.className = style;
  if (text !== undefined) made.textContent = text;
  return made;
}
