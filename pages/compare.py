"""Compare: the verdict in one sentence; the table; then the pictures."""

from pages.ui.common.choices import address
from pages.ui.common.text import shown_errors, title
from pages.ui.compare import audit, embedding, overview, patients, sections

SECTIONS = {
    "Accuracy": sections.show_accuracy,
    "Patients": patients.show,
    "Curves": sections.show_curves,
    "For whom does it fail": sections.show_subjects,
    "Map": embedding.show,
    "Learning": sections.show_learning,
    "May I believe it?": lambda runs, _: audit.show([one.run for one in runs]),
    "Beside the literature": sections.show_literature,
}

title("Compare", "Which model is better, and how certain is that?")
with shown_errors():
    runs = overview.load(overview.choose())
    if runs:
        rows = overview.show(runs)
        # Only the open tab is computed.
        for tab, show in zip(address.tabs("section", SECTIONS), SECTIONS.values(), strict=True):
            if tab.open:
                with tab, shown_errors():
                    show(runs, rows)
