"""What a warm touch shows."""

from collections.abc import Mapping, Sequence

import pytest

from culturewatch.warm_touch import Result, judged

STILL: Mapping[str, Sequence[float]] = {
    "ln2a.top": [-190.1, -190.0, -189.9],
    "ln2b.top": [-188.0, -188.0],
    "ult1.air": [-80.0, -79.0, -81.0],
}


def moved(**far: float) -> dict[str, list[float]]:
    first = {
        "ln2a": ("ln2a.top", -190.0),
        "ln2b": ("ln2b.top", -188.0),
        "ult1": ("ult1.air", -80.0),
    }
    found = {channel: [stood] for channel, stood in first.values()}
    for name, by in far.items():
        channel, stood = first[name]
        found[channel] += [stood + by, stood + by / 2]
    return found


@pytest.mark.parametrize(
    ("far", "result"),
    [
        ({"ln2a": 12.0, "ln2b": 0.2}, Result.RIGHT),
        ({"ln2a": -3.0}, Result.RIGHT),
        ({"ln2b": 12.0, "ln2a": 0.1}, Result.OTHER),
        ({"ln2a": 0.4}, Result.NONE),
        ({"ln2a": 12.0, "ln2b": 11.0}, Result.UNCLEAR),
        ({"ln2a": 2.0, "ult1": 1.0}, Result.RIGHT),
    ],
)
def test_which_probe_moved(far: dict[str, float], result: Result) -> None:
    assert judged("ln2a.top", STILL, moved(**far)).result is result


def test_a_probe_that_says_nothing_proves_nothing() -> None:
    during = {name: values for name, values in moved(ln2b=12.0).items() if name != "ln2a.top"}
    assert judged("ln2a.top", STILL, during).result is Result.SILENT


def test_it_tells_how_far_each_went_the_furthest_first() -> None:
    touch = judged("ln2a.top", STILL, moved(ln2b=12.0, ln2a=0.1))
    assert touch.moved[0] == ("ln2b.top", 12.0)
    assert str(touch).startswith("another probe moved: they are swapped")
    assert "ln2b.top by 12.00" in str(touch)
