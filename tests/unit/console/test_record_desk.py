"""Who may have a record made, signed and taken along from a screen, and how it is refused."""

import io
import zipfile
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace

from batches.batch import Signed
from batches.editions import Edition, enter
from batches.export import manifest
from batches.ledger import Ledger
from batches.password import Passwords
from batches.signature import Signature, Step
from batches.signing import SIGNED_PAPER, Wish
from console.entrance import Entrance
from console.orders import Became
from console.record_desk import BUSY, Doing, Job, RecordDesk, Signing
from console.record_files import zipped
from console.records import Preview, Records, Version
from console.worker import Tell, WorkError
from tests.unit.batches.staff import PASSWORD, QUICK, enlist, folder
from tests.unit.console.lab import ADDRESS, browser, ledger_of, nonce_in, settings
from tests.unit.console.test_orders import visitor

pytestmark = pytest.mark.long

B = "B-2026-0001"


def nothing_is_made(*_: object) -> Signature:
    raise AssertionError("no worker was to be asked")


def _preview(subject: str, by: str, tell: Tell) -> Preview:
    return nothing_is_made(subject, by, tell)  # type: ignore[return-value] # it never returns


def _make(subject: str, by: str, out: Path, tell: Tell) -> Path:
    return nothing_is_made(subject, by, out, tell)  # type: ignore[return-value] # it never returns


def _sign(folder: Path, wish: Wish, tell: Tell) -> Signature:
    return nothing_is_made(folder, wish, tell)


def _close(batch: str, by: str, reason: str, tell: Tell) -> None:
    nothing_is_made(batch, by, reason, tell)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes that cost nothing."""
    monkeypatch.setattr("batches.password.hasher", lambda: QUICK)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    ledger = ledger_of(tmp_path)
    ledger.open_batch(B, product="Fibroblasts", act=Signed(by="olga"))
    people = enlist(ledger, {"admin": ["admin"], "olga": ["operator"], "quinn": ["qa"]})
    for person in ("olga", "quinn"):
        people.change_password(person, PASSWORD, f"{PASSWORD} of one's own")
    return ledger


def records(data: Path) -> Records:
    return Records(folder=data / "records", preview=_preview, make=_make, sign=_sign, close=_close)


@pytest.fixture
async def desk(tmp_path: Path, ledger: Ledger) -> AsyncIterator[RecordDesk]:
    passwords = Passwords(folder(ledger), with_hasher=QUICK)
    opened = RecordDesk(records(tmp_path), Entrance(settings(tmp_path), passwords=passwords))
    yield opened
    await opened.close()


def laid(data: Path, ledger: Ledger, number: int, at: int) -> str:
    """A version of the record of B as the ledger knows it; the SHA-256 of its manifest."""
    place = data / "records" / B / f"{at}"
    place.mkdir(parents=True)
    (place / manifest.NAME).write_bytes(b"version %d" % number)
    (place / manifest.RECORD).write_bytes(b'{"open_items": ["first", "second"]}')
    (place / manifest.PAPER).write_bytes(b"%PDF-1.7 pages")
    digest = manifest.describe(place / manifest.NAME).sha256
    new = Edition(
        row=0, record=f"{B}/{at}", subject=B, version=number, manifest=digest, content="{}"
    )
    with ledger.database.writing() as connection:
        enter(connection, new, ledger.clerk.entry("record", B, Signed(by="olga")))
    return digest


def test_versions_are_the_ledgers_and_lie_where_their_manifest_does(
    tmp_path: Path, ledger: Ledger, desk: RecordDesk
) -> None:
    first, second = laid(tmp_path, ledger, 1, 1_000), laid(tmp_path, ledger, 2, 2_000)
    # Left by a worker that was killed: the ledger knows nothing of it.
    (tmp_path / "records" / B / "3000").mkdir()
    (tmp_path / "records" / B / "3000" / manifest.NAME).write_bytes(b"of nobody")
    found = desk.versions(B)
    assert [(v.number, v.at, v.manifest, v.is_newest) for v in found] == [
        (2, 2_000, second, True),
        (1, 1_000, first, False),
    ]
    assert found[0].next_step is Step.PREPARED
    assert found[0].open_items == ("first", "second")
    assert found[1].next_step is None
    (tmp_path / "records" / B / "2000" / manifest.NAME).unlink()
    assert (desk.versions(B)[0].folder, desk.versions(B)[0].next_step) == (None, None)


def test_the_next_step_follows_what_was_signed() -> None:
    version = Version(number=1, at=0, manifest="", folder=Path(), given=(), is_newest=True)
    given: list[Signature] = []
    for number, step in enumerate(Step, start=1):
        assert replace(version, given=tuple(given)).next_step is step
        given.append(signature(number, step))
    assert replace(version, given=tuple(given)).next_step is None


def signature(number: int, step: Step) -> Signature:
    return Signature(
        number=number,
        step=step,
        person="olga",
        name="Olga",
        roles=(),
        meaning="",
        at=0,
        zone="UTC",
        justified=(),
        paper="",
        key="",
        previous="",
    )


async def test_who_may_not_is_refused_before_anything_is_made_and_that_is_kept(
    ledger: Ledger, desk: RecordDesk
) -> None:
    for act in (desk.preview, desk.make):
        ordered = await act(visitor(ledger, "admin"), B)
        assert ordered.became is Became.REFUSED
        assert "no role that may do this" in ordered.why
    denied = [line for line in ledger.trail().lines if line.item == "export"]
    assert [(line.by, line.subject) for line in denied] == [("admin", B)] * 2


@pytest.mark.parametrize(
    ("person", "password", "why"),
    [
        ("quinn", f"{PASSWORD} of one's own", "olga is logged in here"),
        ("olga", "wrong horse 1", "the password is wrong"),
        ("olga", "", "the password is wrong"),
        ("olga", f"{PASSWORD} of one's own", "not here any more"),
    ],
)
async def test_a_signature_is_of_who_is_logged_in_with_the_password_typed_for_it(
    ledger: Ledger, desk: RecordDesk, person: str, password: str, why: str
) -> None:
    typed = Signing(
        manifest="of no version", step=Step.PREPARED, meaning="", person=person, password=password
    )
    ordered = await desk.sign(visitor(ledger, "olga"), B, typed, address="here")
    assert (ordered.became, why in ordered.why) == (Became.REFUSED, True), ordered
    job = desk.job(B)
    assert job is not None
    assert (job.doing, job.ordered) == (Doing.SIGN, ordered)
    assert PASSWORD not in repr(job)


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("", "the password is wrong"),
        ("wrong horse 1", "the password is wrong"),
        # Right: what stops it now is that there is nothing to sign.
        (f"{PASSWORD} of one's own", "not here any more"),
    ],
)
async def test_who_came_in_by_a_provider_types_their_password_to_sign(
    ledger: Ledger, desk: RecordDesk, password: str, why: str
) -> None:
    entrance = desk._entrance
    token = await entrance.vouched("olga", "https://login.example")
    assert isinstance(token, str)
    olga = await entrance.visitor(token)
    assert olga is not None
    assert olga.session.via == "https://login.example"
    typed = Signing(
        manifest="of no version", step=Step.PREPARED, meaning="", person="olga", password=password
    )
    ordered = await desk.sign(olga, B, typed, address="here")
    assert (ordered.became, why in ordered.why) == (Became.REFUSED, True), ordered
    tried = [line.outcome for line in ledger.trail().lines if line.item == "password"]
    assert tried[-1] == ("right" if "own" in password else "wrong password")


async def test_who_came_in_by_a_provider_is_locked_out_of_signing_by_wrong_passwords(
    tmp_path: Path, ledger: Ledger
) -> None:
    clock = [1_800_000_000_000]

    def now() -> int:
        clock[0] += 2_000
        return clock[0]

    passwords = Passwords(folder(ledger), with_hasher=QUICK)
    entrance = Entrance(settings(tmp_path), passwords=passwords, now=now)
    desk = RecordDesk(records(tmp_path), entrance)
    token = await entrance.vouched("olga", "https://login.example")
    assert isinstance(token, str)
    olga = await entrance.visitor(token)
    assert olga is not None
    said = []
    for password in (*("wrong horse 1",) * 5, f"{PASSWORD} of one's own"):
        typed = Signing(
            manifest="x", step=Step.PREPARED, meaning="", person="olga", password=password
        )
        said.append((await desk.sign(olga, B, typed, address="here")).why)
    await desk.close()
    assert said[-1].startswith("there were too many wrong passwords")


async def test_open_items_that_could_not_be_read_once_are_read_the_next_time(
    tmp_path: Path, ledger: Ledger, desk: RecordDesk
) -> None:
    laid(tmp_path, ledger, 1, 1_000)
    found = tmp_path / "records" / B / "1000" / manifest.RECORD
    away = found.rename(found.with_name("away"))
    assert desk.versions(B)[0].open_items == ()
    away.rename(found)
    assert desk.versions(B)[0].open_items == ("first", "second")


async def test_what_is_open_is_justified_by_whoever_approves(
    tmp_path: Path, ledger: Ledger, desk: RecordDesk
) -> None:
    typed = Signing(
        manifest=laid(tmp_path, ledger, 1, 1_000),
        step=Step.APPROVED,
        meaning="",
        person="quinn",
        password=f"{PASSWORD} of one's own",
        why={1: "judged", 2: " "},
    )
    ordered = await desk.sign(visitor(ledger, "quinn"), B, typed, address="here")
    assert ordered.became is Became.REFUSED
    assert ordered.why.endswith("stand against it: 2")


async def test_one_piece_of_work_at_a_time(ledger: Ledger, desk: RecordDesk) -> None:
    desk._jobs[B] = Job(doing=Doing.MAKE, by="quinn")
    ordered = await desk.make(visitor(ledger, "olga"), B)
    assert (ordered.became, ordered.why) == (Became.REFUSED, BUSY)
    desk._jobs["B-2026-0002"] = Job(doing=Doing.MAKE, by="quinn")
    assert (await desk.make(visitor(ledger, "olga"), "B-2026-0003")).became is Became.REFUSED


async def test_a_worker_that_stumbles_is_no_silence_and_what_one_left_is_taken_away(
    tmp_path: Path, ledger: Ledger, desk: RecordDesk
) -> None:
    left = tmp_path / "records" / B / f".1000-{'ab' * 16}.unfinished"
    left.mkdir(parents=True)
    ordered = await desk.make(visitor(ledger, "olga"), B)
    assert ordered.became is Became.REFUSED
    assert "ended with 1; the log says why" in ordered.why
    assert not left.exists()


async def test_why_a_record_was_not_made_names_no_folder_of_the_machine(
    ledger: Ledger, desk: RecordDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made(act: partial[Path], **_: object) -> Path:
        out = act.args[-1]
        raise WorkError(f"{out}: cannot be kept; see {out}")

    monkeypatch.setattr("console.record_desk.work", made)
    ordered = await desk.make(visitor(ledger, "olga"), B)
    assert ordered.became is Became.REFUSED
    assert ordered.why == "this record cannot be kept; see the record"


def test_a_zip_holds_the_files_of_the_folder_and_no_others(tmp_path: Path) -> None:
    place = tmp_path / "record"
    (place / "folder").mkdir(parents=True)
    (place / "a.csv").write_bytes(b"at,value\n" * 100_000)
    (place / "empty").write_bytes(b"")
    (tmp_path / "secret").write_bytes(b"of the machine")
    (place / "link").symlink_to(tmp_path / "secret")
    pieces = list(zipped(place, "B-1"))
    assert max(map(len, pieces)) < 300_000
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as made:
        assert made.testzip() is None
        assert made.namelist() == ["B-1/a.csv", "B-1/empty"]
        assert made.read("B-1/a.csv") == b"at,value\n" * 100_000


async def came_in(client: httpx.AsyncClient, person: str, password: str) -> None:
    nonce = nonce_in(await client.get("/login"))
    came = await client.post(
        "/login",
        data={"nonce": nonce, "person": person, "password": password},
        headers={"Origin": ADDRESS, "Sec-Fetch-Site": "same-origin"},
    )
    assert came.status_code == 303, came.text


async def test_files_are_given_to_who_may_have_copies_and_each_is_in_the_trail(
    tmp_path: Path, ledger: Ledger
) -> None:
    digest = laid(tmp_path, ledger, 1, 1_000)
    here = f"/records/{B}/1"
    async with browser(replace(settings(tmp_path), records=records(tmp_path))) as client:
        stranger = await client.get(f"{here}/record.pdf")
        assert (stranger.status_code, stranger.headers["location"][:12]) == (303, "/login?next=")
        await came_in(client, "admin", PASSWORD)
        assert (await client.get(f"{here}/record.pdf")).status_code == 403
        client.cookies.clear()
        await came_in(client, "quinn", f"{PASSWORD} of one's own")
        pages = await client.get(f"{here}/record.pdf")
        assert (pages.status_code, pages.content) == (200, b"%PDF-1.7 pages")
        assert pages.headers["content-disposition"] == f'attachment; filename="{B}-1-record.pdf"'
        (tmp_path / "records" / B / "1000" / SIGNED_PAPER).write_bytes(b"%PDF-1.7 signed")
        signed = await client.get(f"{here}/record-signed.pdf")
        assert signed.content == b"%PDF-1.7 signed"
        whole = await client.get(f"{here}/record.zip")
        assert zipfile.ZipFile(io.BytesIO(whole.content)).testzip() is None
        for path in (
            f"{here}/record.json",
            f"{here}/..%2F..%2Fledger.db",
            f"/records/{B}/2/record.pdf",
            f"/records/{B}/2/record-signed.pdf",
            "/records/../1/record.zip",
            "/records/%2e%2e/1/record.zip",
            "/records/..%2F../1/record.pdf",
            f"/records/{B}/0x1/record.pdf",
        ):
            assert (await client.get(path)).status_code in {404, 422}, path
    lines = [line for line in ledger.trail(area="export").lines if line.outcome == "taken along"]
    assert [(line.by, line.item, line.new) for line in lines] == [
        ("quinn", "version 1: record.pdf", digest),
        ("quinn", "version 1: record-signed.pdf", digest),
        ("quinn", "version 1: record.zip", digest),
    ]
