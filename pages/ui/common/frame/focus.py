"""The cursor in the field that a form asks for, so that nobody clicks into it before typing."""

import streamlit as st

_FOCUS = st.components.v2.component(
    "blastlens_focus",
    js="""const DONE = new WeakSet();
const TRIES_MS = [0, 200, 600]; // the page may draw its field anew while it loads

export default function ({ data }) {
  const focus = () => {
    const field = document.querySelector(`.st-key-${data.field} input`);
    if (!field || field.disabled || DONE.has(field)) return;
    DONE.add(field); // once: later the cursor is where the user puts it
    field.focus({ preventScroll: true });
  };
  const waiting = TRIES_MS.map((ms) => setTimeout(focus, ms));
  return () => waiting.forEach(clearTimeout);
}""",
)


def on(field: str) -> None:
    """Puts the cursor into the field with that key when it first appears; called after it."""
    _FOCUS(key=f"focus_{field}", data={"field": field}, height=0)
