"""What is left to send: no entry ever leaves it unsent, whatever happens in whatever order."""

from hypothesis import given, settings
from hypothesis import strategies as st

from storage.behind import KEPT, LONGEST, MOST, Behind, Stretch

LIVE = Behind((Stretch(10),))


def test_who_is_close_behind_goes_on_in_order() -> None:
    assert LIVE.cut(10, 10 + LONGEST) is None
    assert LIVE.cut(10, 11 + LONGEST) == 11 + LONGEST - KEPT


def test_a_backlog_waits_behind_what_is_live() -> None:
    behind = LIVE.parted(5_000)
    assert behind == Behind((Stretch(10, 5_000), Stretch(5_000)))
    assert (behind.whole, behind.backlog, behind.waiting(6_000)) == (10, 4_990, 5_990)


def test_what_is_live_moves_nothing_past_a_backlog() -> None:
    behind = LIVE.parted(5_000).moved(1, 6_000)
    assert (behind.whole, behind.waiting(6_000)) == (10, 4_990)


def test_once_a_backlog_is_gone_all_is_whole_up_to_the_newest() -> None:
    behind = LIVE.parted(5_000).moved(1, 6_000).moved(0, 4_999)
    assert behind.whole == 4_999
    assert behind.moved(0, 5_000) == Behind((Stretch(6_000),))


def test_a_newer_backlog_that_is_gone_first_leaves_the_older_one() -> None:
    behind = LIVE.parted(5_000).parted(10_000).moved(1, 10_000)
    assert behind == Behind((Stretch(10, 5_000), Stretch(10_000)))


def test_there_is_a_limit_beyond_which_all_goes_on_in_order() -> None:
    behind = LIVE
    for upto in range(5_000, 5_000 + 1_000 * (MOST - 1), 1_000):
        assert behind.cut(0, 1_000_000) is not None
        behind = behind.parted(upto)
    assert behind.cut(0, 1_000_000) is None


def test_numbers_that_were_never_given_out_are_no_backlog_of_their_own() -> None:
    assert LIVE.waiting(9) == 0


def entries(after: int, upto: int) -> int:
    """The entries of ``(after, upto]`` as the bits of a number."""
    return (1 << (upto + 1)) - (1 << (after + 1))


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_every_entry_is_sent_or_left_to_send(data: st.DataObject) -> None:
    draw = data.draw
    last = read = draw(st.integers(0, 50), label="cursor")
    sent, behind = entries(0, last), Behind((Stretch(last),))
    for _ in range(draw(st.integers(1, 12), label="steps")):
        last += draw(st.integers(0, 3 * LONGEST), label="come in")
        if (upto := behind.cut(read, last)) is not None:
            assert read <= upto <= last
            behind, read = behind.parted(upto), upto
        at = draw(st.integers(0, len(behind.stretches) - 1), label="stretch")
        one = behind.stretches[at]
        end = last if one.upto is None else one.upto
        reached = draw(st.integers(one.sent, end) | st.just(end), label="sent up to")
        sent |= entries(one.sent, reached)
        read = max(read, reached) if one.upto is None else read
        behind = behind.moved(at, reached)

        left = 0
        for stretch in behind.stretches:
            mine = entries(stretch.sent, last if stretch.upto is None else stretch.upto)
            assert not mine & left, "an entry is in one stretch alone"
            left |= mine
        assert left == entries(0, last) & ~sent
        assert left.bit_count() == behind.waiting(last)
        assert not entries(0, behind.whole) & ~sent, "what the cursor is past was sent"
        assert 1 <= len(behind.stretches) <= MOST
