"""The model card, and the form that fills in its texts."""

import pandas as pd
import streamlit as st

from core.people import PROMOTE
from core.report.card import render, texts
from core.report.card.items import CardSection, Item
from core.runs.run_store import Run
from pages.ui.common import cache, people
from pages.ui.common.text import plain


def show(run: Run) -> None:
    """Shows the sections of the card, each with the number of its gaps."""
    card = cache.card(run)
    st.markdown(f"**{plain(card.title)}**. {render.gaps(card)}", help=render.SOURCES)
    with st.container(gap="xxsmall"):
        for section in card.sections:
            with st.expander(_label(section)):
                for item in section.items:
                    _show_item(item)
                st.caption(section.after)


def _show_item(item: Item) -> None:
    if not item.rows:
        st.markdown(render.item_markdown(item, _shown))
        return
    # A Markdown table would be cut off in a narrow window; this one scrolls.
    st.markdown(f"**{_shown(item.label)}**")
    header, *rows = ([_shown(cell) for cell in row] for row in item.rows)
    table = pd.DataFrame(rows, columns=header)
    st.table(table, border="horizontal", width="content", hide_index=True, alt=item.label)


def _label(section: CardSection) -> str:
    if not section.gaps:
        return section.title
    return f"{section.title} :orange-badge[{section.gaps} gap{'s' * (section.gaps > 1)}]"


def _shown(text: str) -> str:
    return plain(" ".join(text.split()))


def fill_in(run: Run) -> None:
    """Shows the form for one text at a time, stored in the folder of the run."""
    existing = texts.read(run)
    names = sorted(texts.FIELDS, key=lambda name: name in existing)
    name = st.selectbox(
        "What",
        names,
        format_func=lambda name: texts.FIELDS[name].label + (" ✓" if name in existing else ""),
        key=f"field_{run.run_id}",
    )
    field = texts.FIELDS[name]
    with st.form(f"fill_{run.run_id}_{name}", border=False):
        text = st.text_area(
            f"Say {field.lack}",
            existing.get(name, ""),
            max_chars=texts.MAX_CHARACTERS,
            help="It goes into the card as your words, and travels with the run.",
        )
        locked = people.lacks(PROMOTE)
        if st.form_submit_button("Save", icon=":material/save:", disabled=locked):
            people.require(PROMOTE)
            texts.write(run, name, text)
            st.rerun()
