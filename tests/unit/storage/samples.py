"""Entries of every kind, for tests of the journal."""

from hypothesis import strategies as st

from devices.quality import VALUELESS, Quality
from devices.scan import Layout, Scan, Source
from storage.entry import ClockStep, Command, Entry, Started, Stopped, Tick

NOON = 1_790_000_000_000
INCUBATOR = Layout("inc1", ("temperature", "co2"), ("temperature", "co2"))
FREEZER = Layout("ln1", ("level",), ("level",))


def scan(n: int, layout: Layout = INCUBATOR) -> Scan:
    """A good scan that can be told from all others."""
    count = len(layout.keys)
    return Scan(layout, NOON + n, NOON + n, (float(n),) * count, bytes(count))


def command(n: int) -> Command:
    """An act that can be told from all others."""
    return Command(id=f"act{n}", at=NOON + n, by="kim", verb="ack", target="r1", via="cli")


_times = st.integers(0, 1 << 60)
_words = st.text(max_size=20)
_numbers = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300)


@st.composite
def _scans(draw: st.DrawFn) -> Scan:
    keys = draw(st.lists(_words, unique=True, max_size=8).map(tuple))
    layout = Layout(draw(_words), keys, tuple("temperature" for _ in keys))
    qualities = [draw(st.sampled_from(Quality)) for _ in keys]
    return Scan(
        layout,
        draw(_times),
        draw(_times),
        tuple(None if quality in VALUELESS else draw(_numbers) for quality in qualities),
        bytes(qualities),
        draw(st.sampled_from(Source)),
        draw(st.booleans()),
    )


ENTRIES: st.SearchStrategy[Entry] = st.one_of(
    _scans(),
    st.builds(
        Command,
        id=_words,
        at=_times,
        by=_words,
        verb=_words,
        target=_words,
        via=_words,
        arguments=st.dictionaries(_words, _words, max_size=3),
    ),
    st.builds(Started, at=_times, version=_words, configuration=_words),
    st.builds(Stopped, at=_times, reason=_words),
    st.builds(ClockStep, at=_times, step=st.integers(-(1 << 60), 1 << 60)),
    st.builds(Tick, at=_times),
)
