"""The way into the console, by its forms."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace

from batches.batch import Signed
from batches.ledger import Ledger
from batches.password import Passwords
from console.entrance import Entrance, Stopped, Visitor
from console.login_pages import inside
from console.settings import ConsoleSettings
from tests.unit.batches.staff import PASSWORD, QUICK, desk, enlist, folder, people_of
from tests.unit.console.lab import ADDRESS, browser, ledger_of, nonce_in, settings

OURS = {"Origin": ADDRESS, "Sec-Fetch-Site": "same-origin"}
NEW, WRONG = "another horse 2", "no horse at all 1"


def told(data: Path) -> ConsoleSettings:
    return replace(
        settings(data),
        passwords=data / "secrets" / "passwords",
        bootstrap=data / "secrets" / "bootstrap.json",
    )


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes that cost nothing: what they are worth is another test's matter."""
    monkeypatch.setattr("batches.password.hasher", lambda: QUICK)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """A ledger with an admin, and an operator whose password an admin chose."""
    ledger = ledger_of(tmp_path)
    enlist(ledger, {"admin": ["admin"], "olga": ["operator"]})
    return ledger


@pytest.fixture
async def client(tmp_path: Path, ledger: Ledger) -> AsyncIterator[httpx.AsyncClient]:  # noqa: ARG001 # people must be there first
    async with browser(told(tmp_path)) as opened:
        yield opened


async def sent(
    client: httpx.AsyncClient, path: str, headers: dict[str, str] | None = None, /, **fields: str
) -> httpx.Response:
    """The form of a page, filled in."""
    nonce = nonce_in(await client.get(path))
    return await client.post(
        path, data={"nonce": nonce, **fields}, headers=OURS if headers is None else headers
    )


async def test_who_knows_the_password_gets_a_session_that_no_script_reads(
    client: httpx.AsyncClient,
) -> None:
    came = await sent(client, "/login", person="admin", password=PASSWORD, next="/alarms")
    assert (came.status_code, came.headers["location"]) == (303, "/alarms")
    cookie = next(
        each for each in came.headers.get_list("set-cookie") if each.startswith("culturewatch=")
    )
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))


async def test_over_https_the_cookie_is_of_this_host_and_never_sent_in_the_clear(
    tmp_path: Path,
    ledger: Ledger,  # noqa: ARG001 # people must be there first
) -> None:
    address = "https://lab.example"
    async with browser(replace(told(tmp_path), public_url=address), address=address) as client:
        came = await sent(client, "/login", {"Origin": address}, person="admin", password=PASSWORD)
    cookie = next(each for each in came.headers.get_list("set-cookie") if "form=" not in each)
    assert cookie.startswith("__Host-culturewatch=")
    assert "Secure" in cookie.split("; ")


async def test_a_wrong_password_is_told_without_saying_whose_names_are_known(
    client: httpx.AsyncClient,
) -> None:
    wrong = await sent(client, "/login", person="admin", password=WRONG)
    assert wrong.status_code == 403
    assert "the name or the password is wrong" in wrong.text
    assert "no horse at all" not in wrong.text


async def test_a_form_of_another_site_does_not_log_in(client: httpx.AsyncClient) -> None:
    there = {"Origin": "https://elsewhere.example"}
    came = await sent(client, "/login", there, person="admin", password=PASSWORD)
    assert came.status_code == 403
    assert "culturewatch=" not in "".join(came.headers.get_list("set-cookie"))


async def test_a_nonce_of_another_browser_does_not_count(client: httpx.AsyncClient) -> None:
    nonce = nonce_in(await client.get("/login"))
    client.cookies.clear()
    fields = {"nonce": nonce, "person": "admin", "password": PASSWORD}
    came = await client.post("/login", data=fields, headers=OURS)
    assert came.status_code == 403


async def test_a_password_that_an_admin_chose_is_changed_before_it_lets_in(
    client: httpx.AsyncClient,
) -> None:
    first = await sent(client, "/login", person="olga", password=PASSWORD)
    assert first.status_code == 403
    assert 'action="/password"' in first.text
    fields = {"person": "olga", "password": PASSWORD, "new": NEW, "again": NEW}
    came = await sent(client, "/password", **fields)
    assert came.status_code == 303


async def test_the_same_password_is_typed_twice(client: httpx.AsyncClient) -> None:
    fields = {"person": "olga", "password": PASSWORD, "new": NEW, "again": "something else 3"}
    came = await sent(client, "/password", **fields)
    assert came.status_code == 422
    assert "not the same" in came.text


async def test_after_many_tries_an_address_waits(client: httpx.AsyncClient) -> None:
    # No name that could be one: that costs no hash of a real person, and is counted all the same.
    for _ in range(10):
        await sent(client, "/login", person="", password=WRONG)
    came = await sent(client, "/login", person="admin", password=PASSWORD)
    assert "too many tries" in came.text


async def test_the_first_admin_enters_by_the_token_once(tmp_path: Path) -> None:
    ledger = ledger_of(tmp_path)
    token = people_of(ledger).bootstrap(desk(ledger), act=Signed(by="root"))
    fields = {"token": token, "person": "ada", "name": "Ada", "password": NEW, "again": NEW}
    async with browser(told(tmp_path)) as client:
        assert (await client.get("/login")).headers["location"] == "/begin"
        assert (await sent(client, "/begin", **fields)).status_code == 303
        again = await sent(client, "/begin", **(fields | {"person": "eve"}))
        assert again.status_code == 403
    found = people_of(ledger).everybody()
    assert [(one.id, one.roles) for one in found] == [("ada", ("admin",))]


async def test_before_the_first_start_looking_at_the_login_makes_no_ledger(tmp_path: Path) -> None:
    async with browser(told(tmp_path)) as client:
        assert (await client.get("/login")).status_code == 303
    assert not (tmp_path / "ledger.db").exists()


async def test_logging_out_needs_what_only_the_own_pages_carry(client: httpx.AsyncClient) -> None:
    await sent(client, "/login", person="admin", password=PASSWORD)
    refused = await client.post("/logout", data={"nonce": "guessed"}, headers=OURS)
    assert refused.status_code == 403


async def test_pages_speak_the_language_of_the_browser_and_the_one_that_was_chosen(
    client: httpx.AsyncClient,
) -> None:
    german = await client.get("/login", headers={"Accept-Language": "de-AT,de;q=0.9"})
    assert '<html lang="de">' in german.text
    assert "Anmelden" in german.text
    chosen = await client.post(
        "/language", data={"language": "de", "next": "//evil.example/"}, headers=OURS
    )
    assert chosen.headers["location"] == "/now"
    assert "Anmelden" in (await client.get("/login")).text


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("/device/inc1?span=7d", "/device/inc1?span=7d"),
        ("//evil.example", "/now"),
        ("/\\evil.example", "/now"),
        ("https://evil.example", "/now"),
        ("/a\r\nSet-Cookie: x=1", "/now"),
        ("", "/now"),
    ],
)
def test_the_way_after_the_login_stays_inside(asked: str, given: str) -> None:
    assert inside(asked) == given


class At:
    """A clock that a test sets."""

    ms = 1_767_225_600_000

    def __call__(self) -> int:
        return self.ms


async def inside_as(entrance: Entrance, person: str, password: str) -> str:
    token = await entrance.come_in(person, password, address="127.0.0.1")
    assert not isinstance(token, Stopped), token
    return token


@pytest.fixture
def clock() -> At:
    return At()


@pytest.fixture
def entrance(tmp_path: Path, clock: At, ledger: Ledger) -> Entrance:
    passwords = Passwords(folder(ledger), with_hasher=QUICK)
    clock.ms = ledger.clerk.now() + 10_000
    return Entrance(told(tmp_path), passwords=passwords, now=clock)


async def test_whoever_works_here_no_more_is_out_at_once(
    entrance: Entrance, ledger: Ledger
) -> None:
    people = people_of(ledger)
    people.change_password("olga", PASSWORD, NEW)
    token = await inside_as(entrance, "olga", NEW)
    found = await entrance.visitor(token)
    assert isinstance(found, Visitor)
    assert found.may("place")
    assert not found.may("user-add")
    people.end("olga", act=Signed(by="admin", reason="left"))
    assert await entrance.visitor(token) is None


async def test_another_password_ends_the_sessions_of_the_old_one(
    entrance: Entrance, ledger: Ledger
) -> None:
    token = await inside_as(entrance, "admin", PASSWORD)
    people_of(ledger).change_password("admin", PASSWORD, NEW)
    assert await entrance.visitor(token) is None


async def test_who_is_idle_is_logged_off(entrance: Entrance, clock: At) -> None:
    token = await inside_as(entrance, "admin", PASSWORD)
    clock.ms += 14 * 60_000
    assert await entrance.visitor(token) is not None
    clock.ms += 60_000
    assert await entrance.visitor(token) is None
