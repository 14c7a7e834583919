"""``culturewatch protocol`` and ``batch open --protocol``, as people type them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from culturewatch.cli import app
from tests.integration.laboratory import lay_out

pytestmark = pytest.mark.long

GOOD = """
name = "fibroblast"
version = "3"
title = "Fibroblasts, P0 to P3"
[[step]]
id = "culture"
devices = ["inc*"]
second_check = true
[[step.limit]]
channel = "temperature"
low = 36.0
high = 38.0
coverage = 95.0
allowed = { high = 39.0, longest = "5m", times = 1, per = "24h" }
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, served: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("USER", "tester")
    lay_out(tmp_path, served)
    (tmp_path / "p.toml").write_text(GOOD)
    return tmp_path


def typed(words: str) -> tuple[int, list[str]]:
    done = CliRunner().invoke(app, words.split())
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.exit_code, done.output.splitlines()


def test_a_good_file_is_told_in_words() -> None:
    code, (first, *rest) = typed("protocol check p.toml")
    assert code == 0
    assert first.startswith("p.toml: fibroblast@3 is good, SHA-256 ")
    assert rest == [
        "  culture in inc*; a second person checks",
        (
            "    temperature: 36 to 38, 95 % known, "
            "excursions within any to 39 for up to 5m, 1 in 1d at most"
        ),
    ]


def test_a_bad_file_exits_with_2_and_its_lines(here: Path) -> None:
    (here / "p.toml").write_text(GOOD.replace("second_check", "second_chek"))
    assert typed("protocol check p.toml") == (
        2,
        [
            (
                "culturewatch: p.toml:8: step[0]: unknown key `second_chek`; "
                "did you mean `second_check`?"
            )
        ],
    )
    assert typed("protocol check none.toml")[0] == 2


def test_a_batch_is_opened_with_what_was_added_and_placed_by_two() -> None:
    code, said = typed("batch open B-2026-0001 --product x --protocol fibroblast@3")
    assert (code, len(said)) == (1, 1)
    assert "'fibroblast@3' is no protocol of this ledger; known: none yet" in said[0]
    assert typed("protocol list") == (0, ["no protocol is kept yet"])
    assert typed("protocol add p.toml --by anna")[0] == 0
    assert typed("protocol list")[1][0].startswith("fibroblast@3  ")
    (kept,) = json.loads(typed("protocol list --json")[1][0])
    assert (kept["by"], kept["protocol"]["step"][0]["id"]) == ("anna", "culture")
    assert typed("batch open B-2026-0001 --product x --protocol fibroblast@3")[0] == 0
    assert typed("batch place B-2026-0001 inc1") == (
        1,
        [
            (
                "culturewatch: B-2026-0001: step 'culture' of fibroblast@3 needs a second person; "
                "say who checked it"
            )
        ],
    )
    assert typed("batch place B-2026-0001 inc1 --checked-by ben") == (
        0,
        ["B-2026-0001 is in inc1"],
    )
