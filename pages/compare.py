"""Compare: the verdict in one sentence; the table; then the pictures."""

import streamlit as st

from pages.ui import belief, comparison, comparison_sections
from pages.ui.messages import shown_errors, title

SECTIONS = {
    "Accuracy": comparison_sections.show_accuracy,
    "Curves": comparison_sections.show_curves,
    "For whom does it fail": comparison_sections.show_subjects,
    "Learning": comparison_sections.show_learning,
    "May I believe it?": lambda runs, _: belief.show([one.run for one in runs]),
    "Beside the literature": comparison_sections.show_literature,
}

title("Compare", "Which model is better, how certain is that, and may the number be believed?")
with shown_errors():
    runs = comparison.load(comparison.choose())
    if runs:
        rows = comparison.show(runs)
        # Only the open tab is computed.
        tabs = st.tabs(list(SECTIONS), on_change="rerun", key="compare_section")
        for tab, show in zip(tabs, SECTIONS.values(), strict=True):
            if tab.open:
                with tab, shown_errors():
                    show(runs, rows)
