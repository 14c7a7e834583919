"""When a device was opened or filled: what its channels told, and nothing that they did not."""

from itertools import pairwise

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from batches.calibration import Book
from batches.handling import Handling, Watcher, What, tells
from batches.placement import Interval
from batches.survey import Channel
from devices.quality import Quality
from devices.scan import Layout, Scan, Source
from storage.archive.columns import of_scans
from storage.archive.pieces import Piece

MINUTE = 60_000
SPAN = Interval(10 * MINUTE, 20 * MINUTE)
LAYOUT = Layout("tank", ("temperature", "lid", "filling"), ("temperature", "state", "state"))
CHANNELS = (
    Channel(key="temperature", quantity="temperature", unit="degC"),
    Channel(key="lid", quantity="state", unit="1"),
    Channel(key="filling", quantity="state", unit="1"),
)
SILENT = int(Quality.NO_ANSWER)


def scan(minute: float, temperature: float | None, lid: float | None, filling: float = 0.0) -> Scan:
    at = round(minute * MINUTE)
    values = (temperature, lid, filling)
    qualities = bytes(SILENT if value is None else 0 for value in values)
    return Scan(LAYOUT, at, at, values, qualities)


def watched(scans: list[Scan], span: Interval = SPAN) -> tuple[Handling, ...]:
    watcher = Watcher("tank", span, period=MINUTE, channels=CHANNELS, book=Book())
    for each in scans:
        watcher.take(each)
    return watcher.result()


def minutes(found: tuple[Handling, ...]) -> list[tuple[float, float, bool, bool]]:
    return [(h.start / MINUTE, h.end / MINUTE, h.start_known, h.end_known) for h in found]


def test_an_opening_lasts_until_it_is_shut_with_the_extremes_of_that_time() -> None:
    lid = {11: 1.0, 12: 1.0}
    warm = {11: -170.0, 12: -160.5, 13: -155.0}
    told = [scan(m, warm.get(m, -180.0), lid.get(m, 0.0)) for m in range(9, 22)]
    (found,) = watched(told)
    assert (found.what, found.channel, found.length) == (What.OPENED, "tank.lid", 2 * MINUTE)
    assert minutes((found,)) == [(11, 13, True, True)]
    # At minute 13 it was shut; that it was warmer then is no reading of the opening.
    (meanwhile,) = found.meanwhile
    assert (meanwhile.channel, meanwhile.unit) == ("tank.temperature", "degC")
    assert (meanwhile.minimum, meanwhile.maximum) == (-170.0, -160.5)


def test_openings_and_fills_go_on_side_by_side() -> None:
    told = [
        scan(m, -180.0 + m, 1.0 if m == 13 else 0.0, 1.0 if 12 <= m < 15 else 0.0)
        for m in range(10, 20)
    ]
    fill, opening = watched(told)
    assert (fill.what, opening.what) == (What.FILLED, What.OPENED)
    assert minutes((fill, opening)) == [(12, 15, True, True), (13, 14, True, True)]
    assert [(m.minimum, m.maximum) for m in fill.meanwhile] == [(-168.0, -166.0)]


def test_what_is_not_known_is_marked_and_never_made_up() -> None:
    # Open before the stay, at its end, and on both sides of a silence.
    assert minutes(watched([scan(9, -180, 1), scan(10, -180, 1), scan(11, -180, 0)])) == [
        (10, 11, False, True)
    ]
    assert minutes(watched([scan(18.5, -180, 0), scan(19.5, -180, 1), scan(20.5, -180, 0)])) == [
        (19.5, 20, True, False)
    ]
    told = [scan(11, -180, 0), scan(12, -180, 1), scan(13, -180, None), scan(14, -180, 1)]
    assert minutes(watched([*told, scan(15, -180, 0)])) == [
        (12, 13, True, False),
        (14, 15, False, True),
    ]
    # Nobody knows for how long after the last word, so it holds for one period.
    told = [scan(11, -180, 0), scan(12, -180, 1), scan(16, -180, 0)]
    assert minutes(watched(told)) == [(12, 13, True, False)]
    # Silent for more than 1.5 periods before: it may have been opened in that time.
    told = [scan(11, -180, 0), scan(12.6, -180, 1), scan(13, -180, 0)]
    assert minutes(watched(told)) == [(12.6, 13, False, True)]
    # Shut again before the stay began is nothing of the stay.
    assert watched([scan(8.9, -180, 1), scan(9.9, -180, 0), scan(10.5, -180, 0)]) == ()


def test_tests_repeats_and_bad_readings_say_nothing() -> None:
    told = [scan(11, -180, 0), scan(12, -180, 1), scan(13, -180, 0)]
    as_test = [msgspec.structs.replace(each, source=Source.TEST) for each in told]
    assert watched(as_test) == ()
    assert watched([msgspec.structs.replace(each, repeat=True) for each in told]) == ()
    (found,) = watched([scan(11, None, 0), scan(12, None, 1), scan(13, None, 0)])
    assert found.meanwhile == ()


def test_whether_a_device_tells_at_all_is_known() -> None:
    assert tells(CHANNELS, What.FILLED)
    assert not tells(CHANNELS[:1], What.OPENED)
    # A temperature that somebody called so is no lid.
    wrong = Channel(key="lid", quantity="temperature", unit="degC")
    assert not tells([wrong], What.OPENED)
    watcher = Watcher("tank", SPAN, period=MINUTE, channels=[wrong], book=Book())
    watcher.take(scan(12, -180, 1))
    assert watcher.result() == ()


@given(
    st.lists(
        st.tuples(st.integers(1, 40), st.sampled_from([0.0, 1.0, None])), min_size=1, max_size=30
    )
)
def test_second_by_second_it_is_open_when_its_last_word_was_and_still_holds(
    steps: list[tuple[int, float | None]],
) -> None:
    # In seconds; a period is 10 s, so that a word holds for at most 15 s.
    at, told = 0, []
    for step, lid in steps:
        at += step
        told.append((at, lid))
    span = Interval(0, 300_000)
    watcher = Watcher("tank", span, period=10_000, channels=CHANNELS, book=Book())
    for second, lid in told:
        watcher.take(scan(second / 60, -180, lid))
    found = {
        second
        for each in watcher.result()
        for second in range(each.start // 1000, each.end // 1000)
    }
    expected = set()
    for place, (second, lid) in enumerate(told):
        following = told[place + 1][0] if place + 1 < len(told) else None
        joined = following is not None and following - second <= 15
        until = following if joined and following is not None else second + 10
        if lid:
            expected |= set(range(second, min(until, 300)))
    assert found == expected


LID_ONLY = Layout("tank", ("lid",), ("state",))
COLD_ONLY = Layout("tank", ("temperature",), ("temperature",))
TOLD = st.tuples(
    st.sampled_from([0, 0, 1, 30_000, MINUTE, MINUTE, MINUTE, 90_000, 90_001]),
    st.sampled_from([LAYOUT, LAYOUT, LAYOUT, LID_ONLY, COLD_ONLY]),
    st.sampled_from([0.0, 0.0, 0.0, 0.0, 1.0, None]),
    st.sampled_from([0.0, 0.0, 0.0, 0.0, 1.0, None]),
    st.sampled_from([Source.LIVE, Source.LIVE, Source.LIVE, Source.BACKFILL, Source.TEST]),
    st.sampled_from([False, False, False, True]),
)


@given(st.lists(TOLD, max_size=40), st.lists(st.integers(0, 40), max_size=4))
def test_as_columns_it_comes_to_what_it_comes_to_one_by_one(
    told: list[tuple[int, Layout, float | None, float | None, Source, bool]], cuts: list[int]
) -> None:
    at, scans = 9 * MINUTE, []
    for n, (step, layout, lid, filling, source, repeat) in enumerate(told):
        at += step
        said = {"temperature": -180.0 + n, "lid": lid, "filling": filling}
        values = tuple(said[key] for key in layout.keys)
        marks = bytes(SILENT if value is None else 0 for value in values)
        scans.append(Scan(layout, at, at, values, marks, source, repeat))
    assert watched_at_once(scans, cuts) == watched(scans)


def watched_at_once(scans: list[Scan], cuts: list[int]) -> tuple[Handling, ...]:
    watcher = Watcher("tank", SPAN, period=MINUTE, channels=CHANNELS, book=Book())
    edges = {n for n in range(1, len(scans)) if scans[n].layout is not scans[n - 1].layout}
    for begin, end in pairwise(
        sorted({0, len(scans), *edges, *(c for c in cuts if c < len(scans))})
    ):
        placed = [(each.at, n, each) for n, each in enumerate(scans[begin:end], begin)]
        ((layout, rows),) = of_scans(placed)
        watcher.take_all(Piece(layout, rows))
    return watcher.result()


def test_an_opening_that_was_told_twice_at_one_instant_ends_with_the_next_word() -> None:
    told = [scan(m, -180.0, 1.0 if m == 11 else 0.0) for m in (10, 11, 11, 12, 13, 14)]
    told[2] = msgspec.structs.replace(told[2], values=(-180.0, 0.0, 0.0), source=Source.BACKFILL)
    # Wherever a piece ends.
    for cuts in ([], [2], [3]):
        assert minutes(watched_at_once(told, cuts)) == [(11, 12, True, True)]


def test_what_another_layout_left_open_makes_no_later_piece_slow() -> None:
    taken = Taken("tank", SPAN, period=MINUTE, channels=CHANNELS, book=Book())
    told = [Scan(LID_ONLY, 11 * MINUTE, 11 * MINUTE, (1.0,), bytes(1))]
    told += [
        Scan(COLD_ONLY, at, at, (-180.0,), bytes(1))
        for at in range(12 * MINUTE, 20 * MINUTE, 1_000)
    ]
    for n, some in ((0, told[:1]), (1, told[1:])):
        ((layout, rows),) = of_scans([(each.at, n, each) for each in some])
        taken.take_all(Piece(layout, rows))
    # Of the second piece the first two and the last.
    assert taken.count == 4
    assert minutes(taken.result()) == [(11, 12, False, False)]


class Taken(Watcher):
    """Counts the scans that came one by one."""

    count = 0

    def take(self, scan: Scan) -> None:
        """As every watcher."""
        self.count += 1
        super().take(scan)
