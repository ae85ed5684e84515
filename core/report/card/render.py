"""Renders a model card as Markdown, or as one HTML page that needs nothing else and prints well.

The templates beside this module hold the layout: `card.html.j2`, `card.md.j2` and `item.md.j2`.
"""

import re
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from core.report.card.items import Card, Item

if TYPE_CHECKING:
    from jinja2 import Environment

NOTICE = (
    "For research use only. Not a medical device, never a diagnosis: every call must be checked "
    "by a haematologist."
)
SOURCES = (
    "After Model Cards (Mitchell et al. 2019), CLAIM (Tejani et al. 2024) and TRIPOD+AI (Collins "
    "et al. 2024). Filled from the run's own files; what users wrote is marked so."
)
Escape = Callable[[str], str]


def markdown_text(text: str) -> str:
    """Escapes a text for one line of Markdown: nothing in it is Markdown or HTML."""
    return re.sub(r"([\\`*_$\[\]<>~#|&!])", r"\\\1", " ".join(text.split()))


def markdown(card: Card) -> str:
    """Renders the whole card as Markdown."""
    return _render("card.md.j2", markdown_text, card=card)


def item_markdown(item: Item, escape: Escape = markdown_text) -> str:
    """Renders an item as a paragraph, or as a table below its label.

    `escape` makes a text safe where it is shown.
    """
    return _render("item.md.j2", escape, item=item)


def html(card: Card) -> str:
    """Renders the whole card as one page without scripts or links; every text is escaped."""
    return _render("card.html.j2", markdown_text, card=card)


def gaps(card: Card) -> str:
    """Puts the number of gaps of a card into words."""
    if not card.gaps:
        return "No gaps."
    return f"{card.gaps} {'gap' if card.gaps == 1 else 'gaps'}, each marked as one."


def _render(template: str, escape: Escape, **values: Card | Item) -> str:
    card = values.get("card")
    texts = {"notice": NOTICE, "sources": SOURCES}
    if isinstance(card, Card):
        texts["gaps"] = gaps(card)
    return _environment(escape).get_template(template).render(**values, **texts)


@cache  # with the templates that it has compiled
def _environment(escape: Escape) -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("core.report.card", "."),
        autoescape=lambda name: name is not None and name.endswith(".html.j2"),
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["text"] = escape
    return environment
