"""Regular expressions from a person end, whatever they say."""

import pytest

from core.errors import ConfigError
from core.untrusted import confined, expressions
from core.untrusted.expressions import compiled, require_quick


@pytest.mark.parametrize("text", ["(", "a{99999999999999}", f"{'(' * 5000}a{')' * 5000}"])
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a regular expression"):
        compiled(text)


@pytest.mark.slow
def test_one_that_does_not_end_is_refused_and_a_usual_one_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = ["P1_a_001.png", f"{'a' * 60}!"]
    require_quick(r"(?P<subject>[^/_]+)_(?P<class>[^/_]+)_\d+\.\w+$", names)
    monkeypatch.setattr(expressions, "SECONDS", 1.0)
    with pytest.raises(ConfigError, match="must not repeat in itself"):
        require_quick("(?P<subject>(a+)+)$", names)


def test_a_process_that_ends_without_an_answer_is_not_called_slow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ended(*_: object, **__: object) -> None:
        raise confined.NoAnswerError("MemoryError")

    monkeypatch.setattr(confined, "ask", ended)
    with pytest.raises(ConfigError, match=r"the process that tried ended \(MemoryError\)"):
        require_quick("a", ["a"])
