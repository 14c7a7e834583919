"""Pages that go together: held back for how long, listed once each, and never lost."""

import asyncio
import sqlite3
import sys
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.attempts import Sightings
from alerts.delivery import Delivery, Event
from alerts.dispatch import Claim, Free, Verdict, channels_waiting, claim, settle
from alerts.enqueue import enqueue
from alerts.notice import Notice
from alerts.notify.notifier import Message
from alerts.pace import Pace
from alerts.page import Composer
from alerts.reader import AlarmReader
from alerts.schema import open_store
from alerts.store import Batch, Caused, save
from alerts.transition import Transition, What
from alerts.upkeep import receipt, upkeep
from tests.unit.alerts.desk import (  # a test's own
    CHANNELS,
    NOON,
    Desk,
    Provider,
    directory,
    opened,
    page,
    said,
)
from tests.unit.alerts.mail_server import Postbox, serving, until  # a test's own

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[3]
BRISK = Pace(bundle_ms=150, lease_ms=30_000, again_ms=100, skew_ms=0)
PACE = Pace(bundle_ms=30_000, skew_ms=0)
PEOPLE = directory()
SEEN = Sightings(lambda: 0)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened(tmp_path) as found:
        yield found


class Table:
    """The outbox's rows on a clock of its own."""

    def __init__(self) -> None:
        self.db = open_store(Path(":memory:"))
        self.now = NOON
        self.seq = 0

    def say(self, *transitions: Transition) -> None:
        before, self.seq = self.seq, self.seq + 1
        caused = tuple(Caused(self.seq, self.now, t) for t in transitions)
        rows = save(self.db, Batch(after=before, cursor=self.seq, parts={}, caused=caused))
        for number, one in zip(rows, caused, strict=True):
            enqueue(self.db, number, one, PEOPLE, now=self.now)

    def page(self, to: str, *rules: str, severity: str = "high") -> None:
        self.say(*[page(to, rule=rule, at=self.now, severity=severity) for rule in rules])

    def claims(self) -> list[Claim]:
        free = Free(slots=100, each=100, under_way={})
        return [
            taken
            for channel in channels_waiting(self.db)
            for taken in claim(self.db, channel, free, now=self.now, pace=PACE)
        ]

    def settle(self, taken: Claim, event: Event = Event.RECEIPT) -> list[str]:
        return settle(self.db, taken, Verdict(event=event), PEOPLE, now=self.now, pace=PACE)

    def sent(self) -> list[tuple[str, ...]]:
        """What goes now: the rules of each message."""
        found = []
        for taken in self.claims():
            self.settle(taken)
            found.append(tuple(one.rule for one in taken.listed) or (taken.rule,))
        return found

    def keep(self, slow: Collection[str] = ()) -> list[str]:
        """What time alone does."""
        return upkeep(self.db, slow, PEOPLE, seen=SEEN, now=self.now, pace=PACE, slow=slow)

    def counted(self) -> dict[str, int]:
        """How many rows stand where."""
        return dict(self.db.execute("SELECT state, count(*) FROM outbox GROUP BY state"))

    def states(self) -> dict[str, str]:
        """By rule, where the page stands."""
        rows = self.db.execute("SELECT rule, state FROM outbox WHERE notice = 'page' ORDER BY id")
        return dict(rows)


def test_the_gravest_of_one_instant_goes_at_once_and_the_rest_wait_for_each_other() -> None:
    table = Table()
    table.page("B", "a", "b", severity="low")
    table.page("B", "c", severity="critical")
    table.page("B", "d", severity="medium")
    assert table.sent() == [("c",)]
    table.now += 29_999
    assert table.sent() == []
    table.now += 1
    assert table.sent() == [("d", "a", "b")]


def test_one_that_waited_alone_goes_as_the_page_that_it_is() -> None:
    table = Table()
    table.page("B", "a")
    assert table.sent() == [("a",)]
    table.now += 10_000
    table.page("B", "b")
    assert table.sent() == []
    table.now += 20_000
    (taken,) = table.claims()
    assert (taken.notice, taken.rule) == (Notice.PAGE, "b")


def test_each_person_has_a_time_of_their_own() -> None:
    table = Table()
    table.page("B", "a")
    assert table.sent() == [("a",)]
    table.now += 1_000
    table.page("C", "a")
    assert table.sent() == [("a",)]


def test_who_was_quiet_for_half_a_minute_is_paged_at_once_again() -> None:
    table = Table()
    for rule in "abc":
        table.page("B", rule)
        assert table.sent() == [(rule,)]
        table.now += 30_000


def test_a_critical_page_waits_behind_no_list_of_lesser_ones() -> None:
    table = Table()
    table.page("B", "a", severity="low")
    assert table.sent() == [("a",)]
    table.now += 1_000
    table.page("B", "b", severity="low")
    table.page("B", "c", severity="high")
    assert table.sent() == []
    table.now += 1_000
    table.page("B", "d", "e", severity="critical")
    assert table.sent() == [("d",)]
    # Others as grave as it wait from then on, like all that are less.
    table.now += 1_000
    table.page("B", "f", severity="critical")
    table.page("B", "g", severity="medium")
    assert table.sent() == []
    # The first that waited cannot wait longer: with it all go, the gravest first.
    table.now += 28_000
    assert table.sent() == [("e", "f", "c", "g", "b")]


def test_of_a_flood_no_more_than_one_critical_page_goes_beside_the_lists() -> None:
    table = Table()
    sent = []
    for number in range(290):
        words = ("advisory", "low", "medium", "high", "critical")
        table.page("B", f"r{number:03}", severity=words[number % 5])
        sent += table.sent()
        table.now += 100
    table.now += 30_000
    sent += table.sent()
    assert [len(one) for one in sent] == [1, 1, 288]


def test_what_is_acknowledged_leaves_the_list_before_it_goes() -> None:
    table = Table()
    table.page("B", *"abcd")
    assert table.sent() == [("a",)]
    table.say(said(What.ACK, rule="c", at=table.now, by="C", why="acknowledged by C"))
    table.now += 30_000
    assert table.sent() == [("b", "d")]
    assert table.states()["c"] == "cancelled"


def test_what_is_acknowledged_between_two_tries_is_not_listed_again() -> None:
    table = Table()
    table.page("B", *"abcd")
    table.sent()
    table.now += 30_000
    (first,) = table.claims()
    assert [one.rule for one in first.listed] == ["b", "c", "d"]
    table.say(said(What.ACK, rule="b", at=table.now, by="C"))
    table.settle(first, Event.TEMPORARY)
    table.say(said(What.ACK, rule="c", at=table.now, by="C"))
    table.now += 1_000
    (second,) = table.claims()
    assert second.row == first.row
    assert [one.rule for one in second.listed] == ["d"]
    table.say(said(What.ACK, rule="d", at=table.now, by="C"))
    table.settle(second, Event.TEMPORARY)
    table.now += 30_000
    assert table.claims() == []
    assert set(table.states().values()) == {"delivered", "cancelled"}
    assert table.db.execute(
        "SELECT DISTINCT state FROM outbox WHERE notice = 'summary'"
    ).fetchall() == [("cancelled",)]


def test_news_of_an_alarm_goes_to_who_was_told_of_it_in_a_list_and_to_nobody_else() -> None:
    table = Table()
    table.page("B", *"abc")
    table.sent()
    table.say(said(What.ALL_CLEAR, "B", rule="b", at=table.now))
    assert table.sent() == []
    table.now += 30_000
    assert table.sent() == [("c",)]
    table.say(said(What.ALL_CLEAR, "B", rule="c", at=table.now))
    assert table.sent() == [("c",)]


def test_a_list_that_is_refused_goes_on_page_by_page_and_together() -> None:
    table = Table()
    table.page("A", *"abc")
    table.sent()
    table.now += 30_000
    (by_sms,) = table.claims()
    assert (by_sms.way.channel, len(by_sms.listed)) == ("sms", 2)
    (line,) = table.settle(by_sms, Event.PERMANENT)
    assert "page to A by sms about b failed" in line
    assert "so for 1 more in that summary" in line
    (by_mail,) = table.claims()
    assert (by_mail.way.channel, [one.rule for one in by_mail.listed]) == ("mail", ["b", "c"])
    assert by_mail.row != by_sms.row


@pytest.mark.parametrize("delivered", [True, False])
def test_what_a_provider_says_later_counts_for_all_that_were_listed(*, delivered: bool) -> None:
    table = Table()
    table.page("A", *"abc")
    table.sent()
    table.now += 30_000
    (taken,) = table.claims()
    table.settle(taken, Event.ACCEPT)
    assert table.states()["b"] == table.states()["c"] == "accepted"
    receipt(table.db, taken.row, PEOPLE, delivered=delivered, now=table.now, pace=PACE)
    listed = [("delivered" if delivered else "failed")] * 2
    rows = table.db.execute("SELECT state FROM outbox WHERE summary = ?", (taken.row,))
    assert [state for (state,) in rows] == listed
    assert [one.way.channel for one in table.claims()] == ([] if delivered else ["mail"])


def test_without_a_receipt_the_list_goes_by_the_next_channel() -> None:
    table = Table()
    table.page("A", *"abc")
    table.sent()
    table.now += 30_000
    (taken,) = table.claims()
    table.settle(taken, Event.ACCEPT)
    table.now += 60_000
    upkeep(table.db, (), PEOPLE, seen=SEEN, now=table.now, pace=PACE)
    (again,) = table.claims()
    assert (again.way.channel, len(again.listed)) == ("mail", 2)


def test_a_list_whose_sender_died_is_sent_again_and_said_so_once() -> None:
    table = Table()
    table.page("B", *"abc")
    table.sent()
    table.now += 30_000
    (lost,) = table.claims()
    table.now += PACE.lease_ms
    lines = upkeep(table.db, (), PEOPLE, seen=SEEN, now=table.now, pace=PACE)
    assert len(lines) == 1
    assert "a message to B about several alarms was under way" in lines[0]
    (again,) = table.claims()
    assert (again.row, again.may_repeat, len(again.listed)) == (lost.row, True, 2)


def test_a_list_never_grows_too_old() -> None:
    table = Table()
    table.page("B", *"abc")
    table.sent()
    table.now += 30_000
    (taken,) = table.claims()
    table.settle(taken, Event.TEMPORARY)
    table.now += 48 * 3_600_000
    upkeep(table.db, (), PEOPLE, seen=SEEN, now=table.now, pace=PACE)
    assert len(table.sent()[0]) == 2


def test_a_clock_set_back_holds_no_page_for_longer() -> None:
    table = Table()
    table.page("B", "a")
    table.sent()
    table.now -= 3_600_000
    table.page("B", "b")
    assert table.sent() == [("b",)]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("page"), st.sampled_from("ABC"), st.sampled_from("pqrst")),
        st.tuples(st.just("ack"), st.sampled_from("pqrst")),
        st.tuples(st.just("wait"), st.integers(1, 40)),
        st.tuples(st.just("send"), st.sampled_from([*Event][1:5])),
    ),
    max_size=40,
)


@settings(deadline=None)
@given(STEPS)
def test_whatever_happens_no_page_is_lost_and_none_waits_too_long(
    steps: list[tuple[object, ...]],
) -> None:
    table = Table()
    for step in [*steps, *[("wait", 61), ("send", Event.RECEIPT)] * 8]:
        match step:
            case ("page", str(to), str(rule)):
                table.page(to, rule)
            case ("ack", str(rule)):
                table.say(said(What.ACK, rule=rule, at=table.now, by="C"))
            case ("wait", int(seconds)):
                table.now += seconds * 1_000
                upkeep(table.db, (), PEOPLE, seen=SEEN, now=table.now, pace=PACE)
            case ("send", Event() as event):
                for taken in table.claims():
                    # No page leaves that was acknowledged, and none twice in one list.
                    rows = [one.row for one in taken.listed]
                    assert len(set(rows)) == len(rows) != 1 or taken.tries > 1
                    table.settle(taken, event)
                held = table.db.execute(
                    "SELECT max(? - queued) FROM outbox WHERE notice = 'page' AND held = 1"
                    " AND tries = 0 AND state = 'queued'",
                    (table.now,),
                ).fetchone()[0]
                assert held is None or held < PACE.bundle_ms
    left = table.db.execute(
        "SELECT rule, state FROM outbox o WHERE notice = 'page' AND NOT ("
        " state IN ('delivered', 'cancelled') OR (state = 'accepted') OR (state = 'failed' AND"
        " EXISTS (SELECT 1 FROM outbox n WHERE n.history = o.history AND n.id > o.id)))"
    ).fetchall()
    assert left == []


async def test_the_list_says_what_to_do_first_and_each_alarm_in_a_line(desk: Desk) -> None:
    mail = Provider()
    async with desk.sending({"mail": mail}, pace=BRISK):
        await desk.say(page("B", rule="other", channel="inc9.temperature"))
        await until(lambda: len(mail.took) == 1)
        await desk.say(page("B", severity="high", rule="third", channel="inc3.temperature"))
        await desk.say(page("B"))
        await until(lambda: len(mail.took) == 2)
        await desk.rest()
    listed = mail.took[1]
    assert (listed.kind, listed.severity, listed.rule) == ("summary", "critical", "")
    assert listed.subject == "CRITICAL 2 ALARMS: 1 critical, 1 high"
    assert listed.text == (
        "CRITICAL 2 ALARMS: 1 critical, 1 high\n"
        "\n"
        "Do first: close the door; move the plates to inc2 (inc1-temp-high) within 30m\n"
        "critical (1): since 12:00:00 inc1.temperature 38.10 °C (limit ≥ 38.00 °C)\n"
        "high (1): since 12:00:00 inc3.temperature 38.1\n"
        "\n"
        "Acknowledge: culturewatch alarm ack RULE, for each of them\n"
    )
    with AlarmReader(desk.path) as reader:
        shown = [(row.notice, row.rule) for row in reader.pages(in_summaries=False)]
        assert shown == [(Notice.SUMMARY, ""), (Notice.PAGE, "other")]
        summary = reader.pages(in_summaries=False)[0]
        seen = reader.listed(summary.row, summary.arrived, "B")
        assert [(one.rule, one.severity) for one in seen] == [
            ("inc1-temp-high", "critical"),
            ("third", "high"),
        ]
        assert reader.listed(summary.row, summary.arrived + 1, "B") == ()
        assert reader.listed(summary.row, summary.arrived, "C") == ()


async def test_batches_at_risk_stand_once_and_a_long_list_of_them_is_cut(desk: Desk) -> None:
    def at_risk(device: str) -> list[str]:
        return [f"batch {n} of patient {n}" for n in range(60 if device == "inc1" else 1)]

    table = Table()
    table.page("B", *"abc")
    table.sent()
    table.now += 30_000
    (taken,) = table.claims()
    message: Message = Composer(desk.directory, CHANNELS, at_risk=at_risk).compose(taken)
    assert message.text.count("batch 0 of patient 0") == 1
    assert "batch 39" in message.text
    assert "batch 40" not in message.text
    assert "and 20 more: see the console" in message.text


@asynccontextmanager
async def child(
    folder: Path, port: int, point: str, time: int, pages: int
) -> AsyncIterator[asyncio.subprocess.Process]:
    arguments = (str(folder), str(port), point, str(time), str(pages))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.unit.alerts.flood_child", *arguments), cwd=ROOT
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def settled(folder: Path) -> bool:
    with AlarmReader(folder / "alarms.db") as reader:
        states = {row.state for row in reader.pages(limit=100)}
    return bool(states) and not {Delivery.QUEUED, Delivery.CLAIMED} & states


@pytest.mark.parametrize(
    ("point", "before", "after"),
    [
        # Mails that list the three which waited, when the process is dead, and in the end: True is
        # one that says that it may be a repeat.
        pytest.param("after-claim", [], [True], id="after-claim"),
        pytest.param("after-accept", [False], [False, True], id="after-accept"),
        pytest.param("after-record", [False], [False], id="after-record"),
    ],
)
async def test_a_list_survives_a_kill(
    tmp_path: Path, point: str, before: list[bool], after: list[bool]
) -> None:
    postbox = Postbox()

    def lists() -> list[bool]:
        subjects = [str(mail["Subject"]) for mail in postbox.mails]
        return [s.startswith("(repeat?)") for s in subjects if "3 ALARMS" in s]

    async with serving(postbox) as port:
        async with child(tmp_path, port, point, time=2, pages=4) as process:
            assert await asyncio.wait_for(process.wait(), 20) == -9
        assert lists() == before
        async with child(tmp_path, port, "-", time=0, pages=0):
            await until(lambda: settled(tmp_path), within_s=20)
        assert lists() == after
    with closing(sqlite3.connect(tmp_path / "alarms.db")) as db:
        rows = db.execute("SELECT rule, state FROM outbox WHERE notice = 'page'").fetchall()
    assert sorted(rows) == [(f"r{n}", "accepted") for n in range(4)]


async def test_somebody_with_many_pages_hears_of_each_exactly_once(desk: Desk) -> None:
    mail = Provider()
    async with desk.sending({"mail": mail}, pace=BRISK):
        await desk.say(*[page("B", rule=f"r{n}") for n in range(40)])
        await until(lambda: len(mail.took) == 2)
        await desk.rest()
    assert [message.kind for message in mail.took] == ["page", "summary"]
    rows = desk.rows()
    assert {row.state for row in rows} == {Delivery.DELIVERED}
    assert sorted(row.rule for row in rows if row.rule) == sorted(f"r{n}" for n in range(40))
