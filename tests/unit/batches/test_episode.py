"""Who was told of an alarm: only those whose message was handed over and did not come back."""

from alerts.delivery import Delivery
from alerts.notice import Notice
from alerts.reader import SentPage
from batches.batch import Batch
from batches.episode import Episode
from batches.findings import open_items

NINE = 1_767_600_000_000
CLOSED = Batch(
    row=1, id="B-2026-0001", product="x", protocol="", opened_at=NINE, opened_by="a", reason="",
    closed_at=NINE + 1,
)  # fmt: skip


def page(person: str, state: Delivery, *, handed: int | None) -> SentPage:
    return SentPage(
        row=1, notice=Notice.PAGE, rule="inc1-hot", occurrence=1, severity="high", person=person,
        channel="mail", state=state, arrived=NINE, queued=NINE, handed=handed, tries=1,
        may_repeat=False, over="", error="", subject="",
    )  # fmt: skip


def alarm(*pages: SentPage) -> Episode:
    return Episode(
        rule="inc1-hot", channel="inc1.temperature", occurrence=1, severity="high", why="",
        began=NINE, set_at=NINE, cleared_at=NINE + 2, acknowledged_at=NINE + 1,
        acknowledged_by="anna", pages=pages, trail=(),
    )  # fmt: skip


def said(*pages: SentPage) -> tuple[str, ...]:
    return tuple(open_items(CLOSED, (), (), [alarm(*pages)], damaged=0))[1:]


def test_a_page_that_failed_or_came_back_told_nobody() -> None:
    pages = (
        page("anna", Delivery.FAILED, handed=None),
        page("anna", Delivery.DELIVERED, handed=NINE),
        page("ben", Delivery.FAILED, handed=None),
        page("carl", Delivery.FAILED, handed=NINE),
        page("dora", Delivery.QUEUED, handed=None),
    )
    assert alarm(*pages).told == ("anna",)
    assert alarm(*pages).not_reached == ("ben", "carl", "dora")
    assert said(*pages) == ("Alarm inc1-hot no. 1: ben, carl, dora could not be told.",)


def test_a_page_that_an_acknowledgement_made_needless_is_no_open_item() -> None:
    pages = (
        page("anna", Delivery.ACCEPTED, handed=NINE),
        page("ben", Delivery.CANCELLED, handed=None),
    )
    assert (alarm(*pages).told, alarm(*pages).not_reached) == (("anna",), ())
    assert said(*pages) == ()
