"""Blocks of registers: what is refused or met with silence loses its own channels alone."""

import pytest

from collector import unit
from tests.unit.collector.polling import GOOD, NO_ANSWER, a_device, a_profile, polling
from tests.unit.collector.responder import (  # a test's own double
    Behaviour,
    Peer,
    Query,
    responding,
    rightly,
    until,
    word,
)

pytestmark = [pytest.mark.usefixtures("soon_connected_again"), pytest.mark.virtual_time]


def refusing(refused: set[int], code: int = 2) -> Behaviour:
    def behave(peer: Peer, query: Query) -> None:
        if refused & set(range(query.address, query.address + query.number)):
            peer.send(query.exception(code))
        else:
            rightly(peer, query)

    return behave


async def test_a_refused_block_loses_only_its_own_channels_and_is_remembered(
    caplog: pytest.LogCaptureFixture,
) -> None:
    profile = a_profile(0, 1, 2, 3, 4, 5, 6, 7)
    async with (
        responding(refusing({5})) as responder,
        polling([a_device(responder.port, profile=profile)]) as room,
    ):
        await until(lambda: len([s for s in room.scans if s.values[0] is not None]) >= 3)
        stats = room.stats("inc1")
        before = len(responder.queries)
        scans = len(room.scans)
        await until(lambda: len(room.scans) >= scans + 3)
        asked = responder.queries[before:]
    heard = [scan for scan in room.scans if scan.values[0] is not None]
    for scan in heard:
        assert scan.values == tuple(None if a == 5 else word(1, a) for a in range(8))
        assert scan.qualities == GOOD * 5 + NO_ANSWER + GOOD * 2
    assert stats.refused_blocks == 1
    # 0 to 3, 4, and 6 to 7: what is refused is not asked for again.
    assert {(query.address, query.number) for query in asked} == {(0, 4), (4, 1), (6, 2)}
    told = [r.message for r in caplog.records if "does not give" in r.message]
    assert told == ["inc1 does not give input 5 to 5: c5 without values. Mend its profile"]


async def test_what_was_refused_is_tried_again_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(unit, "RETRY_REFUSED_S", 0.1)
    refused = {1}
    async with (
        responding(refusing(refused)) as responder,
        polling([a_device(responder.port)]) as room,
    ):
        await until(lambda: room.stats("inc1").refused_blocks)
        refused.clear()
        await until(lambda: room.good("inc1"))
        assert room.stats("inc1").refused_blocks == 0


async def test_a_unit_that_refuses_everything_is_probed_and_keeps_its_plan() -> None:
    starting = True

    def behave(peer: Peer, query: Query) -> None:
        peer.send(query.exception(2) if starting else query.answer())

    async with responding(behave) as responder, polling([a_device(responder.port)]) as room:
        await until(lambda: room.stats("inc1").is_probed)
        assert room.stats("inc1").refused_blocks == 0
        assert room.scans[-1].qualities == NO_ANSWER * 2
        starting = False
        responder.hang_up()
        await until(lambda: room.good("inc1"))


async def test_a_block_that_is_met_with_silence_does_not_hide_the_others() -> None:
    def silent_at_0(peer: Peer, query: Query) -> None:
        if query.address:
            rightly(peer, query)

    profile = a_profile(0, 100, 200)
    async with (
        responding(silent_at_0) as responder,
        polling([a_device(responder.port, profile=profile)]) as room,
    ):
        await until(lambda: len([s for s in room.scans if s.values[1] is not None]) >= 5)
        await until(lambda: room.stats("inc1").refused_blocks == 1)
    last = room.scans[-1]
    assert last.values == (None, word(1, 100), word(1, 200))


@pytest.mark.long
async def test_answers_lost_now_and_then_do_not_add_up_to_a_block_that_is_left_out() -> None:
    asked = 0

    def now_and_then_silent_at_100(peer: Peer, query: Query) -> None:
        nonlocal asked
        asked += query.address == 100
        if query.address != 100 or asked % 3:
            rightly(peer, query)

    profile = a_profile(0, 100)
    async with (
        responding(now_and_then_silent_at_100) as responder,
        polling([a_device(responder.port, profile=profile)]) as room,
    ):
        await until(lambda: asked >= 20)
        assert room.stats("inc1").refused_blocks == 0


async def test_blocks_are_asked_for_together_where_the_profile_allows_it() -> None:
    profile = a_profile(0, 100, 200, 300, window=4)
    waiting: list[tuple[Peer, Query]] = []

    def all_at_once(peer: Peer, query: Query) -> None:
        waiting.append((peer, query))
        if len(waiting) == 4:
            for asker, held in reversed(waiting):
                asker.send(held.answer())
            waiting.clear()

    async with (
        responding(all_at_once) as responder,
        polling([a_device(responder.port, profile=profile)]) as room,
    ):
        await until(lambda: room.good("inc1"))
    assert room.good("inc1")[0].values == tuple(word(1, a) for a in (0, 100, 200, 300))
