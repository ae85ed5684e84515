"""The keys of the app: what they are, and the dialog that the question mark opens."""

import streamlit as st

KEYS = {
    "?": "This list",
    "← →": "The cell before or after: in a batch on Predict, among the cells of a field and of a "
    "data set, on the board of a case; the page before or after in every other gallery",
    "B": "On a reading: the heat map on and off",
    "Shift + ← →": "On the board: choose several cells, as Shift-click and Ctrl-click do",
    "1 to 5": "On the board: ALL, HEM, other, no cell, excluded",
    "Enter": "On the board: what the model called",
    "U": "On the board: take the last decision back",
    "Esc": "Closes a dialog",
}
_OPEN = "show_keys"
# Streamlit's own shortcuts know no punctuation.
_LISTENER = st.components.v2.component(
    "blastlens_keys",
    js="""export default function () {
  const ask = (event) => {
    const inside = event.composedPath()[0];
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(inside.tagName) || inside.isContentEditable;
    if (event.key !== "?" || typing || document.querySelector("[role=dialog]")) return;
    document.querySelector(".st-key-show_keys button")?.click();
  };
  // Where no cell is stepped through, the arrows turn the pages of a gallery.
  const turn = (event) => {
    const last = { ArrowLeft: false, ArrowRight: true }[event.key];
    if (last === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    const own = "input, textarea, select, canvas, [role=slider], [role=tab], [role=radio], " +
      "[role=combobox], [role=grid], [contenteditable]";
    if (event.composedPath()[0].closest?.(own)) return;
    const stepped = "[role=dialog], [class*=st-key-][class*=_Previous]";
    if (document.querySelector(stepped)) return;
    const buttons = document.querySelectorAll("[class*=st-key-pages_] button");
    const button = buttons[last ? buttons.length - 1 : 0];
    if (button && !button.disabled) button.click();
  };
  document.addEventListener("keydown", ask);
  document.addEventListener("keydown", turn);
  return () => {
    document.removeEventListener("keydown", ask);
    document.removeEventListener("keydown", turn);
  };
}""",
)


def offer() -> None:
    """The button at the foot of a page that lists the keys; the question mark presses it."""
    if st.button("Keys: ?", key=_OPEN, icon=":material/keyboard:", type="tertiary"):
        _list()
    _LISTENER(key="keys_listener", height=0)


@st.dialog("Keys")
def _list() -> None:
    st.table({"Key": list(KEYS), "What it does": list(KEYS.values())}, hide_index=True)
