"""What the console's worker does about records, as the console starts it."""

import shutil
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from alerts.schema import open_store
from batches.batch import Signed
from batches.ledger import Ledger
from batches.signature import Step
from batches.signing import Wish
from batches.verify import verify
from console.api.application import AT
from console.api.tokens import ApiTokens, Scope
from console.entrance import Entrance
from console.orders import Became
from console.record_desk import RecordDesk
from console.worker import Tell, WorkError, work
from culturewatch import paths, record_work
from culturewatch.serve_console import settings
from culturewatch.site import Site, load
from devices.scan import Layout, Scan
from storage.journal import Journal
from tests.integration.laboratory import ledger_of, serve
from tests.unit.batches.staff import enlist, people_of
from tests.unit.console.lab import browser
from tests.unit.console.test_orders import visitor

pytestmark = pytest.mark.long
EXAMPLES = Path(__file__).parents[3] / "examples"
HOUR = 3_600_000
LAYOUT = Layout("inc1", ("temperature",), ("temperature",))
B = "B-2026-0001"


@pytest.fixture
async def site(tmp_path: Path, served: str) -> Site:
    """A site with one batch in one device, which was heard once in an hour."""
    shutil.copytree(EXAMPLES, tmp_path, dirs_exist_ok=True)
    serve(tmp_path / "site.toml", served)
    made = load(tmp_path / "site.toml")
    ledger = ledger_of(made)
    now = ledger.clerk.now()
    act = Signed(by="olga", at=now - HOUR, reason="entered late")
    ledger.open_batch(B, product="Fibroblasts", act=act)
    ledger.place(B, made.file.device[0].id, act=act)
    enlist(ledger, {"ada": ["admin"], "olga": ["operator"], "quinn": ["qa"]})
    open_store(paths.alarms(made.data)).close()
    async with Journal(made.data) as journal:
        await journal.put(Scan(LAYOUT, now - 1_000, now - 1_000, (37.0,), bytes(1)))
    return made


T = TypeVar("T")


def by_worker(act: Callable[[Tell], T], told: list[tuple[int, int]] | None = None) -> T:
    heard = [] if told is None else told
    return work(
        act,
        tell=lambda done, of: heard.append((done, of)),
        stop=threading.Event(),
        name="test",
        within_s=120.0,
    )


def test_what_a_worker_makes_is_signed_and_verifies(site: Site, served: str) -> None:
    told: list[tuple[int, int]] = []
    out = paths.records(site.data) / B / "1"
    assert by_worker(partial(record_work.make, site.path, B, "olga", out), told) == out
    assert told[-1] == (1, 1)
    olga = people_of(ledger_of(site)).find("olga")
    assert olga is not None
    wish = Wish(step=Step.PREPARED, person=olga)
    given = by_worker(partial(record_work.sign, site.path, out, wish))
    assert (given.step, given.person) == (Step.PREPARED, "olga")
    assert verify(out, data=site.data, ledger=served).sound
    with pytest.raises(WorkError, match="was signed as prepared by olga already"):
        by_worker(partial(record_work.sign, site.path, out, wish))


def test_a_preview_is_page_1_and_no_version(site: Site) -> None:
    shown = record_work.preview(site.path, B, "quinn", lambda *_: None)
    assert [one.question for one in shown.answers] == [
        "Complete?",
        "In limits?",
        "Open?",
        "Signed?",
    ]
    # One reading in an hour is not all of an hour.
    assert shown.answers[0].answer == "No"
    assert dict(shown.facts)["Stays"].startswith("1 in ")
    assert shown.open_items
    (line,) = Ledger(site.ledger_url).trail(area="export").lines
    assert (line.by, line.item, line.outcome) == ("quinn", "preview", "shown")


def test_a_batch_with_gaps_is_closed_with_a_reason_only_and_by_whose_it_is(site: Site) -> None:
    def close(by: str, reason: str) -> None:
        record_work.close(site.path, B, by, reason, lambda *_: None)

    with pytest.raises(WorkError, match="is not known throughout"):
        close("olga", " ")
    with pytest.raises(WorkError, match="no role that may do this"):
        close("quinn", "done")
    close("olga", "the logger was not read in")
    assert not Ledger(site.ledger_url).batch(B).is_open


async def test_the_console_closes_it_with_a_reason_only_and_the_api_says_why(site: Site) -> None:
    told, ledger = settings(site), ledger_of(site)
    assert told.records is not None
    assert told.api_tokens is not None
    now = ledger.clerk.now()
    text = ApiTokens(told.api_tokens).make(
        "lims", [Scope.BATCHES], expires_at=now + HOUR, now=now, by="ada"
    )
    desk = RecordDesk(told.records, Entrance(told))
    async with browser(told) as program:
        program.headers["Authorization"] = f"Bearer {text}"

        async def closed() -> tuple[str | None, str | None]:
            (batch,) = (await program.get(f"{AT}/batches/{B}")).json()["batches"]
            return batch["closed_by"], batch["closed_why"]

        try:
            ordered = await desk.end_batch(visitor(ledger, "olga"), B, reason=" ")
            assert ordered.became is Became.REFUSED
            assert "is not known throughout" in ordered.why
            ordered = await desk.end_batch(visitor(ledger, "quinn"), B, reason="done")
            assert (ordered.became, "no role" in ordered.why) == (Became.REFUSED, True)
            # A program closes nothing.
            for verb in ("POST", "PUT", "PATCH", "DELETE"):
                answer = await program.request(verb, f"{AT}/batches/{B}", json={"reason": "done"})
                assert answer.status_code == 405
            assert await closed() == (None, None)
            ordered = await desk.end_batch(visitor(ledger, "olga"), B, reason="its logger broke")
            assert ordered.became is Became.DONE
        finally:
            await desk.close()
        assert await closed() == ("olga", "its logger broke")


def test_faults_are_one_line_that_says_what_to_do(site: Site) -> None:
    with pytest.raises(WorkError, match="B-2026-0009"):
        record_work.preview(site.path, "B-2026-0009", "olga", lambda *_: None)
    site.path.write_text("[site]\nx = 1\n", encoding="utf-8")
    with pytest.raises(WorkError, match=r"site\.toml"):
        record_work.preview(site.path, B, "olga", lambda *_: None)
