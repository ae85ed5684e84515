"""A model card as Markdown, and as one HTML page that needs nothing else and can be printed."""

import re
from collections.abc import Callable
from html import escape as html_escape

from core.report.card.items import Card, Item, Section

NOTICE = (
    "For research use only. Not a medical device, never a diagnosis: every call must be checked "
    "by a haematologist."
)
AFTER = (
    "After Model Cards (Mitchell et al. 2019), CLAIM (Tejani et al. 2024) and TRIPOD+AI (Collins "
    "et al. 2024). Filled from the run's own files; texts marked as user's words are theirs."
)
Escape = Callable[[str], str]


def markdown_text(text: str) -> str:
    """Text as it is, on one line: nothing in it is Markdown or HTML."""
    return re.sub(r"([\\`*_$\[\]<>~#|&!])", r"\\\1", " ".join(text.split()))


def markdown(card: Card) -> str:
    """The whole card."""
    parts = [f"# Model card: {markdown_text(card.run)}", markdown_text(card.title)]
    parts += [f"**{NOTICE}**", gaps(card), AFTER]
    for section in card.sections:
        parts += [f"## {section.title}", f"*{section.after}*", section_markdown(section)]
    return "\n\n".join(parts) + "\n"


def section_markdown(section: Section, escape: Escape = markdown_text) -> str:
    """The items of a section; `escape` makes text safe where it is shown."""
    return "\n\n".join(item_markdown(item, escape) for item in section.items)


def gaps(card: Card) -> str:
    """How many gaps the card has, in words."""
    if not card.gaps:
        return "No gaps."
    return f"{card.gaps} {'gap' if card.gaps == 1 else 'gaps'}, each marked as one."


def item_markdown(item: Item, escape: Escape = markdown_text) -> str:
    """An item as a paragraph, or as a table under its label."""
    label = f"**{escape(item.label)}**"
    if item.gap is not None:
        return f"{label}: *GAP.* {escape(item.gap)} {escape(item.remedy or '')}".rstrip()
    if not item.rows:
        whose = " (user's words)" if item.words else ""
        return f"{label}{whose}: {escape(item.value)}"
    header, *rows = [[escape(cell) or " " for cell in row] for row in item.rows]
    lines = [header, ["---"] * len(header), *rows]
    return f"{label}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)


_STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1b2428; background: #fff; margin: 0 auto;
  max-width: 54rem; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.25rem 0 0; padding-top: .75rem; border-top: 1px solid #d9e0e3; }
p { margin: .3rem 0; overflow-wrap: anywhere; }
.notice { background: #fff6e0; border-left: 4px solid #E69F00; padding: .6rem .9rem;
  margin: 1rem 0; }
.after, caption, .small { color: #5a6a70; font-size: .82rem; }
dl { margin: .6rem 0 0; display: grid; grid-template-columns: 12rem minmax(0, 1fr);
  gap: .45rem 1rem; }
dt { font-weight: 600; } dd { margin: 0; overflow-wrap: anywhere; white-space: pre-line; }
.wide { grid-column: 1 / -1; overflow-x: auto; }
.gap { background: #f4f6f7; border: 1px dashed #8a979c; border-radius: .3rem;
  padding: .2rem .6rem; }
.gap b { letter-spacing: .04em; }
.words { border-left: 3px solid #1f5c66; padding-left: .7rem; }
table { border-collapse: collapse; margin: .2rem 0 .5rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; color: #1b2428; font-size: 1rem; padding: .3rem 0; }
th, td { text-align: left; padding: .25rem .9rem .25rem 0; border-bottom: 1px solid #e7ecee;
  vertical-align: top; }
td:last-child { overflow-wrap: anywhere; min-width: 6rem; }
th { font-weight: 600; color: #5a6a70; }
@media (max-width: 40rem) { dl { grid-template-columns: minmax(0, 1fr); gap: .1rem; }
  dd { margin-bottom: .5rem; } }
@media print { body { padding: 0; max-width: none; font-size: 10.5pt; }
  h2 { break-after: avoid; } tr, dd { break-inside: avoid; } }
"""
# Whatever a text may hold, the page loads and runs nothing.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def html(card: Card) -> str:
    """The whole card as one page: no script, nothing from elsewhere, every text escaped."""
    name = html_escape(card.run)
    sections = "\n".join(_section_html(section) for section in card.sections)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>Model card: {name}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>Model card: {name}</h1>
<p>{html_escape(card.title)}</p>
<p class="notice">{NOTICE}</p>
<p class="small">{gaps(card)} {html_escape(AFTER)}</p>
{sections}
</body>
</html>
"""


def _section_html(section: Section) -> str:
    items = "\n".join(_item_html(item) for item in section.items)
    return (
        f"<section>\n<h2>{html_escape(section.title)}</h2>\n"
        f'<p class="after">{html_escape(section.after)}</p>\n<dl>\n{items}\n</dl>\n</section>'
    )


def _item_html(item: Item) -> str:
    label = html_escape(item.label)
    if item.rows:
        header, *rows = item.rows
        head = "".join(f'<th scope="col">{html_escape(cell)}</th>' for cell in header)
        body = "\n".join(
            f"<tr>{''.join(f'<td>{html_escape(cell)}</td>' for cell in row)}</tr>" for row in rows
        )
        table = f"<table><caption>{label}</caption><thead><tr>{head}</tr></thead>\n<tbody>{body}"
        return f'<div class="wide">{table}</tbody></table></div>'
    if item.gap is not None:
        said = f"<b>GAP</b> {html_escape(item.gap)} {html_escape(item.remedy or '')}".rstrip()
        return f'<dt>{label}</dt><dd class="gap">{said}</dd>'
    if item.words:
        said = f'<span class="small">User\'s words</span><br>{html_escape(item.value)}'
        return f'<dt>{label}</dt><dd class="words">{said}</dd>'
    return f"<dt>{label}</dt><dd>{html_escape(item.value)}</dd>"
