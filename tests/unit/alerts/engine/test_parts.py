"""A device that speaks of its channels one by one is judged as one that speaks of all at once."""

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from alerts.engine.engine import Engine
from devices.scan import Layout, Scan
from storage.entry import Started
from tests.unit.alerts.engine.lab import HOT, START, rulebook

KEYS = ("temperature", "humidity")
WHOLE = Layout("inc1", KEYS, ("temperature", "temperature"))
PARTS = tuple(Layout("inc1", (key,), ("temperature",)) for key in KEYS)
VALUES = st.lists(st.sampled_from([37.0, 37.9, 38.5]), min_size=2, max_size=2)


@settings(max_examples=40)
@given(told=st.lists(VALUES, min_size=1, max_size=40), other_way_round=st.booleans())
def test_in_parts_as_in_whole(told: list[list[float]], *, other_way_round: bool) -> None:
    rules = [HOT, replace(HOT, id="wet", channel="inc1.humidity")]
    book = rulebook(rules, channels=[f"inc1.{key}" for key in KEYS])
    whole, parts = Engine(book), Engine(book)
    for engine in (whole, parts):
        engine.advance(0, Started(at=START, version="0", configuration=book.digest))
    for n, values in enumerate(told, start=1):
        at = START + n * 60_000
        expected = whole.advance(2 * n, Scan(WHOLE, at, at, tuple(values), bytes(2)))
        pairs = list(zip(PARTS, values, strict=True))
        found = [
            transition
            for k, (layout, value) in enumerate(reversed(pairs) if other_way_round else pairs)
            for transition in parts.advance(2 * n + k, Scan(layout, at, at, (value,), bytes(1)))
        ]
        assert sorted((t.rule, t.what) for t in found) == sorted((t.rule, t.what) for t in expected)
