"""PostgreSQL goes away while a site is watched: nothing that protects cells waits for it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import make_url

from alerts.transition import What
from batches import snapshot
from culturewatch.ledger_address import with_password
from culturewatch.site import Site, load
from simulators.scenario import Door
from storage.acts import verify_chain
from tests.integration.laboratory import (
    DEVICES,
    ROOT,
    core,
    heard,
    history,
    inbox,
    lay_out,
    logged,
    rooms,
    until,
)
from tests.postgres_server import PostgresServer

pytestmark = pytest.mark.postgres
PASSWORD_ENV = "CULTUREWATCH_LEDGER_PASSWORD"  # noqa: S105 # its name


@pytest.fixture
def site(
    tmp_path: Path,
    own_postgres: PostgresServer,
    further_url: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
) -> Site:
    """A site whose ledger is on a server, not yet made."""
    monkeypatch.setenv(PASSWORD_ENV, own_postgres.password)
    path = lay_out(tmp_path / "site").path
    url = with_password(further_url("site"), "")
    table = f'\n[ledger]\nurl = "{url}"\npassword = {{ env = "{PASSWORD_ENV}" }}\n'
    path.write_text(path.read_text() + table)
    return load(path)


def said(site: Site, *arguments: str) -> tuple[int, str]:
    """What a command on ``site`` ends with and prints."""
    done = subprocess.run(  # noqa: S603 # put together here
        [sys.executable, "-m", "culturewatch", *arguments, "--site", str(site.path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    return done.returncode, done.stdout + done.stderr


def entered(server: PostgresServer, site: Site) -> int:
    """How many rows of the alarm history are in the ledger."""
    name = str(make_url(site.ledger_url).database)
    ((count,),) = server.run("SELECT count(*) FROM alarm_event", name)
    assert isinstance(count, int)
    return count


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_readings_and_pages_go_on_and_the_ledger_catches_up(
    site: Site, own_postgres: PostgresServer
) -> None:
    assert said(site, "ledger", "upgrade") == (0, "the tables are those of this version\n")
    assert said(site, "batch", "open", "B-2026-0001", "--product", "x", "--by", "anna")[0] == 0
    assert said(site, "batch", "place", "B-2026-0001", "inc1", "--by", "anna")[0] == 0
    async with rooms(site) as opened:
        with core(site) as running:
            await until(lambda: heard(site) == DEVICES, why=lambda: running.said)
            await until(lambda: snapshot.read(site.data) is not None, why=lambda: running.said)
            own_postgres.kill()
            opened.act(Door(device="inc1", open=True))
            await until(lambda: bool(inbox(site, "inc1-door-open")), why=lambda: running.said)
            (page,) = inbox(site, "inc1-door-open")
            assert "B-2026-0001" in page.text
            before = logged(site)[-1][0]
            await until(lambda: logged(site)[-1][0] > before + 20, why=lambda: running.said)
            code, line = said(site, "batch", "remove", "B-2026-0001", "--by", "anna")
            assert code == 1
            assert "check that the server runs and is reached at that address" in line
            assert own_postgres.password not in line
            assert "Traceback" not in line
            running.kill()
        # A core that starts while the server is away knows what the one before knew.
        with core(site, "again") as again:
            opened.act(Door(device="inc1", open=False))
            opened.act(Door(device="inc2", open=True))
            await until(lambda: bool(inbox(site, "inc2-door-open")), why=lambda: again.said)
            own_postgres.start()
            await until(
                lambda: entered(own_postgres, site) == len(history(site)) > 0,
                why=lambda: again.said,
            )
            again.ask_to_end()
            assert await again.ended() == 0
            assert own_postgres.password not in running.said + again.said
            assert "Traceback" not in running.said + again.said
    sets = [row for row in history(site) if row.transition.what is What.SET]
    assert {row.transition.rule for row in sets} >= {"inc1-door-open", "inc2-door-open"}
    assert verify_chain(site.ledger_url) is None
    code, line = said(site, "ledger", "verify")
    assert (code, "ledger: the chain of the ledger holds" in line) == (0, True)
    assert "what it has of alarm history and journal is what they are" in line
    assert said(site, "batch", "remove", "B-2026-0001", "--by", "anna")[0] == 0


@pytest.mark.slow
async def test_a_page_says_how_old_what_it_knows_of_batches_is(
    site: Site, own_postgres: PostgresServer
) -> None:
    seen = snapshot.Snapshot(
        at=1_767_596_400_000,
        devices={"inc1": snapshot.Inside(batches=("B-2026-0001",), lines=("B-2026-0001",))},
    )
    site.data.mkdir(parents=True, exist_ok=True)
    snapshot.write(site.data, seen)
    own_postgres.kill()
    async with rooms(site) as opened:
        with core(site) as running:
            await until(lambda: heard(site) == DEVICES, why=lambda: running.said)
            opened.act(Door(device="inc1", open=True))
            await until(lambda: bool(inbox(site, "inc1-door-open")), why=lambda: running.said)
            (page,) = inbox(site, "inc1-door-open")
            assert "B-2026-0001" in page.text
            assert "ago; the ledger of batches cannot be read now" in page.text
            running.ask_to_end()
            assert await running.ended() == 0


def test_the_rights_are_printed_for_whoever_gives_them(site: Site) -> None:
    code, lines = said(site, "ledger", "grants", "--reader", "grafana")
    assert code == 0
    assert 'GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO "postgres";' in lines
    assert "GRANT SELECT ON stay, culture," in lines
