"""Which protocols judged what stood in a device, and when anything of it was there."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from batches.batch import Signed
from batches.course import Course, courses, unkept
from batches.ledger import Ledger
from batches.placement import Interval, Placement
from batches.protocol import ChannelLimit, Protocol, Step

HOUR = 3_600_000
MONDAY = 1_767_596_400_000
DAY = Interval(MONDAY, MONDAY + 9 * HOUR)


def stay(start: int, end: int | None, batch: str = "B-2026-0001") -> Placement:
    return Placement(
        row=1,
        batch=batch,
        device="inc1",
        position="",
        start=start,
        end=end,
        by="anna",
        entered=0,
        reason="",
    )


def test_overlapping_and_touching_stays_are_one_time() -> None:
    stays = (stay(10, 20), stay(15, 18), stay(20, 25, "B-2026-0002"), stay(30, None))
    course = Course(rulings=(), stays=stays)
    assert course.present(Interval(12, 40)) == (Interval(12, 25), Interval(30, 40))
    assert course.present(Interval(26, 29)) == ()
    assert course.among(Interval(19, 21)) == {"B-2026-0001", "B-2026-0002"}
    # Half open: who left at 20 is not there at 20.
    assert course.among(Interval(25, 30)) == frozenset()


@given(
    st.lists(st.tuples(st.integers(0, 50), st.none() | st.integers(1, 30)), max_size=6),
    st.integers(0, 30),
    st.integers(1, 30),
)
def test_present_is_when_any_stay_covers_the_time(
    stays: list[tuple[int, int | None]], start: int, length: int
) -> None:
    placed = tuple(stay(s, None if n is None else s + n) for s, n in stays)
    span = Interval(start, start + length)
    found = Course(rulings=(), stays=placed).present(span)
    times = {t for each in found for t in range(each.start, each.end)}
    assert times == {t for t in range(span.start, span.end) if any(p.covers(t) for p in placed)}
    assert all(one.end < other.start for one, other in pairwise(found))


def test_the_first_protocol_holds_from_the_opening_and_the_next_from_its_adoption(
    lived: Ledger,
) -> None:
    step = Step(id="culture", devices=("inc*",), limit=(ChannelLimit(channel="temperature"),))
    for version in ("1", "2"):
        lived.keep(Protocol(name="f", version=version, step=(step,)), act=Signed(by="q"))
    b = "B-2026-0001"
    lived.amend(b, protocol="f@1", act=Signed(by="q", reason="forgotten"))
    at = MONDAY + 2 * HOUR
    lived.amend(b, protocol="f@2", act=Signed(by="q", at=at, reason="approved"))
    with lived.database.reading() as connection:
        (found,) = courses(connection, "inc1", DAY)
        assert courses(connection, "inc1", Interval(MONDAY + 4 * HOUR, DAY.end)) == ()
        assert unkept(connection, "inc1", DAY) == ()
    assert [(each.reference, each.span) for each in found.rulings] == [
        ("f@1", Interval(MONDAY, at)),
        ("f@2", Interval(at, DAY.end)),
    ]
    assert [each.batch for each in found.stays] == [b]
