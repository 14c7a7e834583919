"""The alarm scenarios as files, and that a story which is wrong does not hold."""

from io import StringIO
from pathlib import Path

import pytest

from alerts.rehearse.command import DIFFERS, HOLDS, WRONG, rehearse

STORIES = Path(__file__).parents[2] / "stories"
OF_THE_SPINE = ("01", "02", "03", "05", "06", "07", "09", "11", "13", "14", "15", "17", "19", "20")


def rehearsed(path: Path) -> tuple[int, str]:
    out = StringIO()
    return rehearse([path], json=False, out=out), out.getvalue()


def written(folder: Path, text: str) -> Path:
    path = folder / "story.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("path", sorted(STORIES.glob("*.toml")), ids=lambda path: path.stem)
def test_the_story_holds(path: Path) -> None:
    code, said = rehearsed(path)
    assert code == HOLDS, said


def test_every_scenario_that_must_be_told_has_its_file() -> None:
    numbers = {path.name[:2] for path in STORIES.glob("*.toml")}
    assert numbers >= {*OF_THE_SPINE, "47", "48"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('at = "0:05:00"\nwhat = "set"', 'at = "0:05:10"\nwhat = "set"'),
        ('what = "page"\nto = "A"', 'what = "page"\nto = "B"'),
        ('[[count]]\nwhat = "set"\nis = 1', '[[count]]\nwhat = "set"\nis = 2'),
        ('state = "U"', 'state = "A"'),
        ('[[never]]\nwhat = "near_miss"', '[[never]]\nwhat = "set"'),
        ('since = "0:00:00"', 'since = "0:00:10"'),
    ],
)
def test_a_story_that_expects_something_else_does_not_hold(
    old: str, new: str, tmp_path: Path
) -> None:
    text = (STORIES / "02-on-delay.toml").read_text(encoding="utf-8")
    assert old in text
    code, said = rehearsed(written(tmp_path, text.replace(old, new, 1)))
    assert code == DIFFERS
    assert "expected" in said
    assert "happened" in said


def test_a_difference_is_shown_with_what_came_before(tmp_path: Path) -> None:
    text = (STORIES / "02-on-delay.toml").read_text(encoding="utf-8")
    wrong = text.replace('at = "0:05:00"\nwhat = "set"', 'at = "0:05:10"\nwhat = "set"', 1)
    _, said = rehearsed(written(tmp_path, wrong))
    assert "expected  0:05:10 set rule=inc1-temp-high" in said
    assert "happened  0:05:00  set        inc1-temp-high#1" in said
    assert "    0:05:00  page       inc1-temp-high#1" in said


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("title =", "titel =", "story.toml:1: unknown key `titel`; did you mean `title`?"),
        ('what = "set"', 'what = "sett"', "'sett' is no word of this version's timeline"),
        ('channel = "inc1.temperature", value', 'channel = "inc9.temperature", value', "inc9"),
        ("sample = {", "shelve = {", "this version cannot tell shelve yet"),
        ("sample = {", 'silence = "inc1.temperature"\nsample = {', "exactly one verb"),
        ('unit = "degC"', 'unit = "degF"', "write temperature in degC"),
        ("value = 38.1", 'value = 38.1, quality = "splendid"', "splendid"),
        ("value = 38.1", 'quality = "good"', "a good sample needs a value"),
        ("[[final]]\nrule = ", '[[final]]\nrule = "x"\n#', "there is no rule 'x'"),
        ("is = 1", "", "give is, at_most or at_least"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(
    old: str, new: str, told: str, tmp_path: Path
) -> None:
    text = (STORIES / "02-on-delay.toml").read_text(encoding="utf-8")
    assert old in text
    code, said = rehearsed(written(tmp_path, text.replace(old, new, 1)))
    assert code == WRONG
    assert "story.toml" in said
    assert told in said


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    code, said = rehearsed(tmp_path / "none.toml")
    assert code == WRONG
    assert said.count("\n") == 1


def test_the_timeline_as_json_is_one_object_a_line() -> None:
    out = StringIO()
    code = rehearse([STORIES / "01-near-miss.toml"], json=True, out=out)
    assert code == HOLDS
    near_miss = [line for line in out.getvalue().splitlines() if '"near_miss"' in line]
    assert len(near_miss) == 1
    assert '"at":"0:04:59"' in near_miss[0]


def test_the_same_story_gives_the_same_timeline() -> None:
    timelines = []
    for _ in range(2):
        out = StringIO()
        rehearse([STORIES / "47-gateway-down.toml"], json=True, out=out)
        timelines.append(out.getvalue())
    assert timelines[0] == timelines[1]
