"""Why mutants survive: each has its reason, or the run is no good one."""

import json
from pathlib import Path

import pytest

from tools import mutation
from tools.mutants import mutants_of
from tools.reasons import ReasonsError, all_reasons

CODE = '''def half(count: int) -> int:
    """Rounded down."""
    return count // 2
'''
WHY = "Whoever asks for a half rounds it."


class Laid:
    """A folder with one engine file, whose outcomes, runs and reasons the test writes."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        code = root / "alerts" / "engine"
        for folder in (code, root / ".mutation", root / mutation.REASONS, root / "docs"):
            folder.mkdir(parents=True)
        (code / "half.py").write_text(CODE)
        self.document.write_text(f"Head.\n{mutation.BEGIN}\nold\n{mutation.END}\nFoot.\n")
        monkeypatch.setattr(mutation, "ROOT", root)
        monkeypatch.setattr(mutation, "CODE", code)
        monkeypatch.setattr(mutation, "DOCUMENT", self.document)
        monkeypatch.setattr("sys.argv", ["mutation", "--kept", "--write"])
        # `//` → `/`, and 2 → 3.
        self.divided, self.third = (one.id for one in mutants_of(code / "half.py", root))

    @property
    def document(self) -> Path:
        return self.root / "docs" / "mutation.md"

    def known(self, **outcomes: int) -> None:
        """What became of the two."""
        named = {getattr(self, name): code for name, code in outcomes.items()}
        (self.root / ".mutation" / "outcomes.json").write_text(json.dumps(named))

    def because(self, *mutants: str, file: str = "half") -> None:
        """One reason."""
        text = f"[[because]]\nwhy = {json.dumps(WHY)}\nmutants = {json.dumps(mutants)}\n"
        (self.root / mutation.REASONS / f"{file}.toml").write_text(text)


@pytest.fixture
def laid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Laid:
    monkeypatch.setattr(mutation, "SCORE", 0.5)
    return Laid(tmp_path, monkeypatch)


def test_a_survivor_with_its_reason_stands_under_it(laid: Laid) -> None:
    laid.known(divided=0, third=1)
    laid.because(laid.divided)
    assert mutation.main() == 0
    text = laid.document.read_text()
    change = "alerts/engine/half.py:3 half: count // 2 → count / 2"
    assert f"{WHY} (1)\n\n```text\n{change}\n```\n\n{mutation.END}\nFoot." in text
    assert "| half.py | 2 | 1 | 0 | 1 | 0 | 50.0 % |" in text
    assert text.startswith("Head.\n")
    assert "old" not in text


def test_a_survivor_without_a_reason_is_an_error(laid: Laid) -> None:
    laid.known(divided=0, third=1)
    assert mutation.main() == 1
    assert "Without a reason yet. (1)\n\n```text\nalerts/engine/half.py:3" in (
        laid.document.read_text()
    )


def test_too_few_found_is_an_error_though_all_have_reasons(laid: Laid) -> None:
    laid.known(divided=0, third=0)
    laid.because(laid.divided, laid.third)
    assert mutation.main() == 1


def test_a_reason_of_what_is_found_or_gone_is_stale(
    laid: Laid, capsys: pytest.CaptureFixture[str]
) -> None:
    laid.known(divided=0, third=1)
    laid.because(laid.divided, laid.third, "0123456789abcdef")
    assert mutation.main() == 0
    told = f"stale, take out what is found or gone: {WHY} {laid.third}, 0123456789abcdef\n"
    assert told in capsys.readouterr().out


def test_the_document_says_which_run_an_outcome_is_of(laid: Laid) -> None:
    laid.known(divided=1, third=1)
    run = {"commit": "abc", "command": "all", "took_s": 600, "mutants": ["x", laid.third]}
    (laid.root / ".mutation" / "runs.json").write_text(json.dumps([run]))
    assert mutation.main() == 0
    text = laid.document.read_text()
    assert "- 1 last run by `all` at commit `abc` (2 changes in 10 minutes)\n" in text
    assert "- 1 last run before runs were noted\n" in text


def test_two_reasons_for_one_mutant_are_refused(laid: Laid) -> None:
    laid.because(laid.divided)
    laid.because(laid.divided, file="other")
    with pytest.raises(ReasonsError, match=f"{laid.divided} has two reasons"):
        all_reasons(laid.root / mutation.REASONS)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[because]]\nwhy = ''\nmutants = ['a']", r"half\.toml: .*`\$\.because\[0\]\.why`"),
        ("[[because]]\nwhy = 'so'\nmutants = []", r"`\$\.because\[0\]\.mutants`"),
        ("[[becuase]]\nwhy = 'so'\nmutants = ['a']", r"half\.toml: .*unknown field `becuase`"),
        ("[[because", r"half\.toml: "),
    ],
)
def test_a_file_that_gives_no_reason_is_refused(laid: Laid, text: str, told: str) -> None:
    (laid.root / mutation.REASONS / "half.toml").write_text(text)
    with pytest.raises(ReasonsError, match=told):
        all_reasons(laid.root / mutation.REASONS)
