"""Forwarding against a stub that answers as servers in trouble do."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.pretty import pretty_repr

from devices.quality import Quality
from devices.scan import Layout, Scan
from storage.entry import Tick
from storage.influx import CURSOR, Forwarder, InfluxSettings, Pace
from tests.unit.storage.forwarding import SOON_S, TOKEN, at_end, forwarding, settings, until
from tests.unit.storage.short_log import ShortLog
from tests.unit.storage.write_stub import (
    STORED,
    Answer,
    Request,
    WriteStub,
)

PROBE = Layout("p", ("t",), ("temperature",))
PAIR = Layout("q", ("t", "rh"), ("temperature", "relative_humidity"))


def scan(at: int, value: float = 37.0) -> Scan:
    return Scan(PROBE, at, at, (value,), bytes((Quality.GOOD,)))


def pair(at: int) -> Scan:
    return Scan(PAIR, at, at, (37.0, 90.0), bytes((Quality.GOOD, Quality.GOOD)))


def always(answer: Answer) -> Callable[[Request], Awaitable[Answer]]:
    async def say(_: Request) -> Answer:
        return answer

    return say


def first_then_stored(*answers: Answer) -> Callable[[Request], Awaitable[Answer]]:
    left = list(answers)

    async def say(_: Request) -> Answer:
        return left.pop(0) if left else STORED

    return say


async def test_readings_arrive_in_batches_and_the_cursor_follows() -> None:
    journal = ShortLog()
    journal.add(*(scan(at) for at in range(25)))
    async with WriteStub(always(STORED)).serving() as stub, forwarding(stub, journal) as forwarder:
        await until(at_end(journal))

    assert sorted(len(request.lines) for request in stub.requests) == [5, 10, 10]
    assert {line.split(" ")[2].strip() for line in stub.stored} == {str(at) for at in range(25)}
    assert stub.requests[0].target == "/api/v2/write?org=lab&bucket=readings&precision=ms"
    assert stub.requests[0].headers["authorization"] == f"Token {TOKEN}"
    assert forwarder.status.lines_written == 25
    assert forwarder.status.behind == 0
    assert forwarder.status.behind_ms == 0


async def test_what_is_no_reading_moves_the_cursor_without_a_request() -> None:
    journal = ShortLog()
    journal.add(Tick(at=1), Tick(at=2))
    async with WriteStub(always(STORED)).serving() as stub, forwarding(stub, journal):
        await until(at_end(journal))
    assert stub.requests == []


async def test_what_is_sent_counts_as_seen_once_the_cursor_is_on_disk() -> None:
    journal = ShortLog()
    journal.cursors[CURSOR] = 5
    journal.add(*(scan(at) for at in range(25)))
    journal.refusals = 1_000
    async with WriteStub(always(STORED)).serving() as stub, forwarding(stub, journal) as forwarder:
        assert forwarder.seen == 0
        await until(lambda: len(stub.stored) == 20 and not forwarder.status.behind)
        await until(lambda: journal.refusals < 998)
        # The disk is full: after a crash all of it is sent again, so the journal must have it.
        assert (forwarder.seen, journal.cursors[CURSOR]) == (5, 5)
        journal.refusals = 0
        await until(lambda: forwarder.seen == 25)
    assert journal.cursors[CURSOR] == 25


async def test_the_next_run_goes_on_behind_the_cursor() -> None:
    journal = ShortLog()
    journal.add(*(scan(at) for at in range(10)))
    async with WriteStub(always(STORED)).serving() as stub:
        async with forwarding(stub, journal):
            await until(at_end(journal))
        journal.add(scan(77))
        async with forwarding(stub, journal):
            await until(at_end(journal))
    assert len(stub.stored) == 11


async def test_several_requests_are_in_flight_and_a_gap_holds_the_cursor() -> None:
    held, meanwhile = asyncio.Event(), asyncio.Event()

    async def hold_the_first(request: Request) -> Answer:
        if request.lines[0].endswith(" 0\n"):
            await held.wait()
        elif request.lines[0].endswith(" 10\n"):
            meanwhile.set()
        return STORED

    journal = ShortLog()
    journal.add(*(scan(at) for at in range(20)))
    async with (
        WriteStub(hold_the_first).serving() as stub,
        forwarding(stub, journal) as forwarder,
    ):
        await asyncio.wait_for(meanwhile.wait(), SOON_S)
        await until(lambda: forwarder.status.lines_written == 10)
        assert journal.cursors == {}
        assert forwarder.status.behind == 20
        held.set()
        await until(at_end(journal))


async def test_one_bad_line_in_five_thousand_is_found_with_26_requests() -> None:
    def is_bad(line: str) -> bool:
        return line.endswith(" 4321\n")

    async def refuse(request: Request) -> Answer:
        if any(is_bad(line) for line in request.lines):
            return Answer(400, '{"message": "unable to parse that line"}')
        return STORED

    journal = ShortLog()
    journal.add(*(scan(at) for at in range(5_000)))
    async with (
        WriteStub(refuse).serving() as stub,
        forwarding(stub, journal, batch_lines=5_000) as forwarder,
    ):
        await until(at_end(journal))

    assert len(stub.stored) == len(set(stub.stored)) == 4_999
    assert len(stub.requests) <= 1 + 26
    [bad] = journal.set_aside
    assert is_bad(bad.payload.decode())
    assert bad.reason == "400: unable to parse that line"
    assert forwarder.status.quarantined == 1


async def test_a_measurement_that_is_refused_as_a_whole_costs_few_requests() -> None:
    async def refuse(request: Request) -> Answer:
        bad = sum(line.startswith("temperature,") for line in request.lines)
        stub.stored += [line for line in request.lines if not line.startswith("temperature,")]
        if bad:
            return Answer(422, f'{{"message": "partial write: type conflict dropped={bad}"}}')
        return Answer(204)

    journal = ShortLog()
    journal.add(*(pair(at) for at in range(500)))
    async with (
        WriteStub(refuse).serving() as stub,
        forwarding(stub, journal, batch_lines=1_000) as forwarder,
    ):
        await until(at_end(journal))
    assert forwarder.status.quarantined == 500
    assert len(stub.requests) <= 1 + 2 * 10
    assert len({line for line in stub.stored if "relative_humidity" in line}) == 500


async def test_what_the_bucket_no_longer_keeps_is_counted_and_passed() -> None:
    old = Answer(422, '{"message": "dropped 4 points outside retention policy dropped=4"}')
    journal = ShortLog()
    journal.add(*(scan(at) for at in range(10)))
    async with WriteStub(always(old)).serving() as stub, forwarding(stub, journal) as forwarder:
        await until(at_end(journal))
    assert forwarder.status.expired == 4
    assert forwarder.status.lines_written == 6
    assert journal.set_aside == []
    assert len(stub.requests) == 1


async def test_a_batch_that_is_too_large_is_halved_until_it_fits() -> None:
    async def limited(request: Request) -> Answer:
        return Answer(413) if len(request.lines) > 3 else STORED

    journal = ShortLog()
    journal.add(*(scan(at) for at in range(10)))
    async with WriteStub(limited).serving() as stub, forwarding(stub, journal):
        await until(at_end(journal))
    assert len(stub.stored) == 10
    assert journal.set_aside == []


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Answer(503, headers={"retry-after": "0"}), id="busy"),
        pytest.param(Answer(500), id="broken"),
        pytest.param(Answer(0), id="connection lost"),
        pytest.param(Answer(200, "<html>"), id="a web page"),
        pytest.param(Answer(404, '{"message": "bucket not found"}'), id="no bucket"),
        pytest.param(Answer(400, "Client sent an HTTP request to an HTTPS server."), id="https"),
    ],
)
async def test_nothing_is_lost_while_the_server_cannot_take_it(answer: Answer) -> None:
    journal = ShortLog()
    journal.add(*(scan(at) for at in range(40)))
    async with (
        WriteStub(first_then_stored(answer, answer)).serving() as stub,
        forwarding(stub, journal),
    ):
        await until(at_end(journal))
    assert sorted(set(stub.stored)) == sorted(stub.stored)
    assert len(stub.stored) == 40
    assert journal.set_aside == []


async def test_a_pause_that_the_server_asks_for_is_kept() -> None:
    busy = Answer(429, headers={"retry-after": "1"})
    asked: list[float] = []

    async def once_busy(_: Request) -> Answer:
        asked.append(asyncio.get_running_loop().time())
        return busy if len(asked) == 1 else STORED

    journal = ShortLog()
    journal.add(*(scan(at) for at in range(10)))
    async with WriteStub(once_busy).serving() as stub, forwarding(stub, journal):
        await until(at_end(journal))
    assert asked[1] - asked[0] >= 1.0


async def test_a_wrong_token_is_said_once_with_what_to_do_and_its_end_too(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, logger="storage")
    mended = asyncio.Event()

    async def check(_: Request) -> Answer:
        if mended.is_set():
            return STORED
        return Answer(401, '{"code": "unauthorized", "message": "unauthorized access"}')

    journal = ShortLog()
    journal.add(*(scan(at) for at in range(60)))
    async with WriteStub(check).serving() as stub, forwarding(stub, journal) as forwarder:
        await until(lambda: len(stub.requests) >= 4)
        assert forwarder.status.trouble.endswith("give a token that may write into the bucket")
        assert forwarder.status.behind == 60
        mended.set()
        await until(at_end(journal))
        assert forwarder.status.trouble == ""

    stopped, resumed = [record.getMessage() for record in caplog.records]
    assert stopped == (
        f"InfluxDB at {stub.url}: 401: unauthorized access; give a token that may write into the "
        "bucket; readings wait in the journal"
    )
    assert resumed.startswith("InfluxDB takes data again: ")
    assert TOKEN not in caplog.text
    assert len(stub.stored) == 60


async def test_while_the_server_is_away_only_one_request_knocks() -> None:
    open_at_once, most = 0, 0

    async def busy(_: Request) -> Answer:
        nonlocal open_at_once, most
        open_at_once += 1
        if len(stub.requests) > 4:
            most = max(most, open_at_once)
        await asyncio.sleep(0.01)
        open_at_once -= 1
        return Answer(503) if len(stub.requests) < 8 else STORED

    journal = ShortLog()
    journal.add(*(scan(at) for at in range(200)))
    async with WriteStub(busy).serving() as stub, forwarding(stub, journal, in_flight=4):
        await until(lambda: len(stub.requests) >= 7)
    assert most == 1


async def test_one_lost_connection_is_not_called_an_outage(
    caplog: pytest.LogCaptureFixture,
) -> None:
    journal = ShortLog()
    journal.add(*(scan(at) for at in range(10)))
    async with (
        WriteStub(first_then_stored(Answer(0))).serving() as stub,
        forwarding(stub, journal),
    ):
        await until(at_end(journal))
    assert [record for record in caplog.records if record.name.startswith("storage")] == []


async def test_a_full_journal_is_waited_out() -> None:
    journal = ShortLog()
    journal.add(*(scan(at) for at in range(10)))
    journal.refusals = 5
    bad = Answer(400, '{"message": "unable to parse"}')
    async with WriteStub(always(bad)).serving() as stub, forwarding(stub, journal) as forwarder:
        await until(at_end(journal))
    assert journal.refusals == 0
    assert forwarder.status.quarantined == len(journal.set_aside) == 10


async def test_forwarding_ends_with_the_journal() -> None:
    journal = ShortLog()
    async with WriteStub(always(STORED)).serving() as stub:
        forwarder = Forwarder(settings(stub.url), journal, site="s")
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(forwarder.run(), name="forwarder")
            journal.close()
            await asyncio.wait_for(running, SOON_S)


@given(attempt=st.integers(0, 10_000))
def test_pauses_grow_to_half_a_minute_and_no_further(attempt: int) -> None:
    pause = Pace().pause_s(attempt, None)
    assert 0.5 <= pause <= min(30.0, 0.5 * 2 ** min(attempt, 10))


def test_the_token_is_never_shown() -> None:
    shown = settings("http://127.0.0.1:1")
    assert TOKEN not in repr(shown)
    assert TOKEN not in str(shown)
    assert TOKEN not in pretty_repr(shown)
    assert "bucket='readings'" in repr(shown)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"url": "influx.lab:8086"}, "http://"),
        ({"url": "http://me:secret@influx.lab"}, "password"),
        ({"token": "abc\n"}, "token"),
        ({"token": ""}, "token"),
        ({"bucket": ""}, "bucket"),
        ({"batch_lines": 0}, "batch_lines"),
    ],
)
def test_a_setting_that_cannot_work_is_refused(change: dict[str, str | int], word: str) -> None:
    given = {"url": "http://127.0.0.1:1", "org": "lab", "bucket": "b", "token": "t", **change}
    with pytest.raises(msgspec.ValidationError, match=word) as refused:
        msgspec.convert(given, InfluxSettings)
    assert "secret" not in str(refused.value)
