"""The cursor in the field that a form asks for, so that nobody clicks into it before typing."""

import streamlit as st

_FOCUS = st.components.v2.component(
    "blastlens_focus",
    js="""const DONE = new WeakSet();
const LOADS_MS = 1000; // in which the page may draw its field anew

export default function ({ data }) {
  const focus = () => {
    const field = document.querySelector(`.st-key-${data.field} input`);
    if (!field || field.disabled || DONE.has(field)) return;
    DONE.add(field); // once: later the cursor is where the user puts it
    field.focus({ preventScroll: true });
  };
  focus();
  const watch = new MutationObserver(focus);
  watch.observe(document.body, { childList: true, subtree: true });
  const end = setTimeout(() => watch.disconnect(), LOADS_MS);
  return () => {
    clearTimeout(end);
    watch.disconnect();
  };
}""",
)


def on(field: str) -> None:
    """Puts the cursor into the field with that key when it first appears; called after it."""
    _FOCUS(key=f"focus_{field}", data={"field": field}, height=0)
