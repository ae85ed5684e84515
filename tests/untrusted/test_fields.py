"""What a name may hold: characters that show, in one direction, and what every system can store."""

import pytest

from core.untrusted.fields import is_file_name, is_line, is_words, shown


@pytest.mark.parametrize("text", ["Ada's", "Zelle ä", "細胞", "خلية", "a\u200db"])
def test_what_people_write_is_a_line(text: str) -> None:
    assert is_line(text) and is_words(f"{text}\n\t{text}") and shown(text) == text


@pytest.mark.parametrize(
    "character",
    ["\0", "\x1b", "\x7f", "\n", "\u202e", "\u2066", "\u200b", "\ufeff", "\u2028", "\ud800"],
    ids=ascii,
)
def test_what_does_not_show_or_turns_the_direction_is_not(character: str) -> None:
    text = f"report{character}gnp.exe"
    assert not is_line(text) and shown(text) == "reportgnp.exe"
    assert is_words(text) == (character == "\n")


@pytest.mark.parametrize("name", ["con", "NUL", "aux.json", "COM1", "lpt9.x", "run.", "run "])
def test_a_name_that_windows_reserves_names_no_folder(name: str) -> None:
    assert not is_file_name(name) and is_file_name(f"run-{name.strip('. ')}")
