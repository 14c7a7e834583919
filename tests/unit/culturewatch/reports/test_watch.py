"""Reports over days of virtual time: each goes once, is tried again, and told of if it fails."""

import errno
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from culturewatch.reports.schedule import Period, newest
from culturewatch.reports.sent import NOBODY, Sent, SentError, State
from culturewatch.reports.watch import ReportWatch
from culturewatch.site_file import ReportTable
from tests.unit.culturewatch.reports.test_schedule import DAILY, WEEK, ms

VIENNA = ZoneInfo("Europe/Vienna")
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
NOON = ms("2026-06-03T10:00")


class Laboratory:
    """A folder of data, a clock, and a worker that does what ``does`` says."""

    def __init__(self, data: Path, *reports: ReportTable) -> None:
        self.sent = Sent(data)
        self.reports = reports
        self.now = NOON
        self.tries: list[tuple[str, int]] = []
        self.troubles: list[str] = []
        self.does: Callable[[str], tuple[State, str]] = lambda _: (State.SENT, "")
        self.dies: BaseException | int = 0
        self.start()

    def start(self) -> None:
        """The core is started (again): it remembers nothing but what is on disk."""
        self.watch = ReportWatch(
            self.reports,
            self.sent,
            zone=VIENNA,
            worker=self._work,
            on_trouble=self.troubles.append,
            now=lambda: self.now,
        )

    async def _work(self, report: ReportTable, period: Period) -> int:
        self.tries.append((report.id, self.now))
        if isinstance(self.dies, BaseException):
            raise self.dies
        if self.dies:
            return self.dies
        for person in report.to:
            state, text = self.does(person)
            args = (report.id, period.start, person)
            self.sent.enter(*args, State.SENDING, at=self.now)
            self.sent.enter(*args, state, at=self.now, text=text)
        return 0

    async def passes(self, span: int, *, step: int = 10 * MINUTE, restarts: bool = False) -> None:
        end = self.now + span
        while self.now < end:
            self.now += step
            if restarts:
                self.start()
            await self.watch.look()


async def test_each_report_goes_once_a_period_however_often_the_core_starts(
    tmp_path: Path,
) -> None:
    lab = Laboratory(tmp_path, DAILY, WEEK)
    await lab.watch.look()
    assert lab.tries == []
    await lab.passes(5 * DAY, step=HOUR // 2, restarts=True)
    sent = [name for name, _ in lab.tries]
    assert (sent.count("quiet"), sent.count("rooms")) == (5, 1)
    # 2026-06-04 02:30 in Vienna is 00:30 UTC; Monday the 8th at seven is five.
    assert lab.tries[0] == ("quiet", ms("2026-06-04T00:30"))
    assert ("rooms", ms("2026-06-08T05:00")) in lab.tries
    assert lab.troubles == []
    assert lab.watch.failed == 0


async def test_what_was_due_before_it_was_there_is_not_sent(tmp_path: Path) -> None:
    lab = Laboratory(tmp_path, WEEK)
    await lab.passes(4 * DAY, step=3 * HOUR)
    assert lab.tries == []


async def test_what_was_due_while_nothing_ran_goes_late_and_only_the_newest(tmp_path: Path) -> None:
    lab = Laboratory(tmp_path, WEEK)
    await lab.watch.look()
    lab.now += 20 * DAY
    lab.start()
    await lab.watch.look()
    await lab.passes(HOUR)
    assert lab.tries == [("rooms", NOON + 20 * DAY)]


async def test_one_that_fails_is_tried_again_with_longer_and_longer_pauses(tmp_path: Path) -> None:
    lab = Laboratory(tmp_path, DAILY)
    await lab.watch.look()
    lab.now = ms("2026-06-04T00:29")
    failures = 4
    lab.does = lambda _: (State.FAILED, "away") if len(lab.tries) <= failures else (State.SENT, "")
    await lab.passes(5 * HOUR, step=MINUTE)
    first = ms("2026-06-04T00:30")
    assert [(at - first) // MINUTE for _, at in lab.tries] == [0, 1, 6, 21, 51]
    assert lab.troubles == []


async def test_one_that_goes_on_failing_is_told_once_and_is_an_alarm(tmp_path: Path) -> None:
    lab = Laboratory(tmp_path, DAILY)
    await lab.watch.look()
    lab.does = lambda _: (State.FAILED, "mail server away")
    lab.now = ms("2026-06-04T12:00")
    await lab.passes(20 * MINUTE)
    assert (lab.watch.failed, lab.troubles) == (0, [])
    await lab.passes(3 * HOUR)
    assert lab.watch.failed == 1
    (said,) = lab.troubles
    assert said.startswith("report quiet did not reach ada: mail server away; send it by hand: ")
    assert said.endswith("culturewatch report send quiet --to ada")
    tries = len(lab.tries)
    await lab.passes(3 * HOUR, step=HOUR)
    assert len(lab.tries) == tries
    # The next day's goes, and the alarm ends.
    lab.does = lambda _: (State.SENT, "")
    await lab.passes(DAY, step=HOUR)
    assert lab.watch.failed == 0


@pytest.mark.parametrize("state", [State.REFUSED, State.LOST])
async def test_what_cannot_be_mended_by_trying_is_told_at_once(
    tmp_path: Path, state: State
) -> None:
    lab = Laboratory(tmp_path, DAILY)
    await lab.watch.look()
    lab.does = lambda _: (state, "no such mailbox")
    await lab.passes(DAY, step=HOUR)
    assert len(lab.tries) == 1
    assert len(lab.troubles) == 1
    assert lab.watch.failed == 1


@pytest.mark.parametrize(
    ("dies", "why"),
    [
        (2, "the process that makes it ended with 2"),
        (-9, "the process that makes it ended with -9"),
        (TimeoutError(), "took longer than"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "Cannot allocate memory"),
    ],
)
async def test_a_process_that_ends_before_it_enters_anything_is_a_failure_and_is_told(
    tmp_path: Path, dies: BaseException | int, why: str
) -> None:
    lab = Laboratory(tmp_path, DAILY)
    await lab.watch.look()
    lab.dies = dies
    lab.now = ms("2026-06-04T00:29")
    await lab.passes(2 * HOUR, step=MINUTE)
    first = ms("2026-06-04T00:30")
    assert [(at - first) // MINUTE for _, at in lab.tries] == [0, 1, 6, 21, 51, 111]
    await lab.passes(13 * HOUR, step=HOUR)
    assert lab.watch.failed == 1
    (said,) = lab.troubles
    assert why in said
    lab.dies = 0
    await lab.passes(DAY, step=HOUR)
    assert lab.watch.failed == 0


async def test_what_was_handed_over_by_one_that_died_is_lost_when_the_next_dies_too(
    tmp_path: Path,
) -> None:
    lab = Laboratory(tmp_path, DAILY)
    await lab.watch.look()
    lab.now += DAY
    period = newest(DAILY, lab.now, VIENNA)
    lab.sent.enter("quiet", period.start, "ada", State.SENDING, at=lab.now)
    lab.dies = 2
    await lab.passes(HOUR)
    assert len(lab.tries) == 1
    assert (lab.watch.failed, len(lab.troubles)) == (1, 1)


async def test_who_got_it_does_not_get_it_again_because_of_somebody_else(tmp_path: Path) -> None:
    both = ReportTable(id="quiet", kind="silenced", to=("ada", "ben"), at="02:30")
    lab = Laboratory(tmp_path, both)
    await lab.watch.look()
    period = newest(both, NOON + DAY, VIENNA)
    for state in (State.SENDING, State.SENT):
        lab.sent.enter("quiet", period.start, "ada", state, at=NOON)
    with pytest.raises(SentError, match="UNIQUE"):
        lab.sent.enter("quiet", period.start, "ada", State.SENT, at=NOON)
    lab.sent.enter("quiet", period.start, "ben", State.FAILED, at=NOON, text="away")
    assert {name: one.state for name, one in lab.sent.standing("quiet", period.start).items()} == {
        "ada": State.SENT,
        "ben": State.FAILED,
    }


async def test_a_clock_that_was_years_ahead_does_not_silence_a_report(tmp_path: Path) -> None:
    lab = Laboratory(tmp_path, DAILY)
    lab.now = NOON + 3_000 * DAY
    await lab.watch.look()
    lab.now = NOON
    await lab.passes(2 * DAY, step=3 * HOUR)
    assert len(lab.tries) == 2


async def test_a_file_that_cannot_be_used_is_told_once_and_is_not_well(tmp_path: Path) -> None:
    (tmp_path / "reports.db").write_bytes(b"no database at all, but long enough to be looked at")
    lab = Laboratory(tmp_path, DAILY)
    await lab.passes(HOUR)
    assert lab.watch.failed is None
    assert len(lab.troubles) == 1
    assert "reports are NOT sent" in lab.troubles[0]


def test_two_processes_do_not_send_at_once(tmp_path: Path) -> None:
    one, other = Sent(tmp_path), Sent(tmp_path)
    with one.alone() as first, other.alone() as second:
        assert (first, second) == (True, False)
    with other.alone() as again:
        assert again


def test_where_nobody_can_tell_who_is_alone_nobody_sends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def knows_none(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("culturewatch.reports.sent.fcntl.flock", knows_none)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(SentError, match="No locks available"), Sent(tmp_path).alone():
        raise AssertionError("it was taken for alone")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("verb", ["UPDATE attempt SET state = 'x'", "DELETE FROM attempt"])
def test_what_became_of_reports_is_only_added_to(tmp_path: Path, verb: str) -> None:
    sent = Sent(tmp_path)
    sent.enter("quiet", 1, NOBODY, State.BEGUN, at=1)
    with (
        closing(sqlite3.connect(sent.path)) as db,
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
    ):
        db.execute(verb)
