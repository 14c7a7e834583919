"""The watchdog as its users start it: a process that hears beats and pages by itself."""

import asyncio
import json
import os
import re
import subprocess
import sys
from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest

from tests.integration.elsewhere import FILE, ROOT, SECRET, elsewhere, until
from tests.integration.laboratory import core, heard, lay_out, rooms

ANNEX = """
[[site]]
id = "annex"
name = "Annex"
secret = { env = "BENCH_SECRET" }
"""
"""A site that nobody acknowledges: its reminders are the clock for the silence about another."""


_LINK = re.compile(r"http://127\.0\.0\.1:\d+/ack/\S+")
_NONCE = re.compile(r"name='nonce' value='([^']+)'")


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def text_of(mail: EmailMessage) -> str:
    return str(mail.get_content())


async def test_a_site_that_was_never_heard_is_an_alarm_and_its_first_beat_ends_it(
    tmp_path: Path,
) -> None:
    async with elsewhere(tmp_path) as other:
        with other.watching():
            await until(lambda: bool(other.mails("no beat") and other.hook.got), lambda: other.said)
            (mail,) = other.mails("no beat")
            assert mail["To"] == "lead@lab.example"
            assert str(mail["Subject"]).startswith("CRITICAL Test bench: no beat for ")
            assert "Last beat: none so far" in text_of(mail)
            assert "look at the devices themselves" in " ".join(text_of(mail).split())
            # Each is told by the first way that takes it.
            assert [got["person"] for got in other.hook.got] == ["duty"]
            assert await other.beat() == 204
            await until(
                lambda: bool(other.mails("beats again")) and len(other.hook.got) == 2,
                lambda: other.said,
            )
            assert other.hook.got[1]["kind"] == "all_clear"
        assert [str(m["To"]) for m in other.postbox.mails] == ["lead@lab.example"] * 2


@pytest.mark.slow
async def test_reminders_come_until_somebody_presses_the_button_and_a_get_presses_nothing(
    tmp_path: Path,
) -> None:
    async with elsewhere(tmp_path, repeat="1s", more=ANNEX) as other:
        with other.watching():
            await until(lambda: bool(other.mails("bench: still no beat")), lambda: other.said)
            found = _LINK.search(text_of(other.mails("bench: still no beat")[0]))
            assert found is not None
            link = found[0]
            async with httpx.AsyncClient(trust_env=False) as client:
                page = await client.get(link)
                assert "I take care of it (Lead)" in page.text
                assert (await client.get(other.url)).text.count("nobody has it yet") == 2
                nonce = _NONCE.search(page.text)
                assert nonce is not None
                foreign = await client.post(
                    link, data={"nonce": nonce[1]}, headers={"Origin": "https://x.example"}
                )
                bare = await client.post(link, data={})
                assert (foreign.status_code, bare.status_code) == (403, 403)
                pressed = await client.post(link, data={"nonce": nonce[1]})
                assert pressed.status_code == 200
                assert "Lead has it" in pressed.text
                assert "Lead has it" in (await client.get(other.url)).text
                again = await client.post(link, data={"nonce": nonce[1]})
                assert again.status_code == 409
            told, beside = len(other.mails("Test bench")), len(other.mails("Annex"))
            await until(lambda: len(other.mails("Annex")) >= beside + 3, lambda: other.said)
            # One may have been on its way.
            assert len(other.mails("Test bench")) <= told + 1
            await other.beat()
            await until(lambda: bool(other.mails("beats again")), lambda: other.said)


@pytest.mark.slow
async def test_what_was_told_and_acknowledged_is_known_after_a_restart(tmp_path: Path) -> None:
    async with elsewhere(tmp_path, repeat="1s", more=ANNEX) as other:
        with other.watching():
            await until(lambda: bool(other.mails("bench: no beat")), lambda: other.said)
            await until(lambda: bool(other.mails("Annex: no beat")), lambda: other.said)
        state = json.loads((tmp_path / "watchdog-data" / "state.json").read_text())
        assert sorted(state) == ["annex", "bench"]
        state["bench"]["by"] = "Lead"
        (tmp_path / "watchdog-data" / "state.json").write_text(json.dumps(state))
        told, beside = len(other.mails("Test bench")), len(other.mails("Annex"))
        with other.watching():
            # The one that nobody has is called to mind again, the other is not told anew.
            await until(lambda: len(other.mails("Annex")) >= beside + 3, lambda: other.said)
            assert len(other.mails("Annex: no beat")) == 1
            assert len(other.mails("Test bench")) == told
            await other.beat()
            await until(lambda: bool(other.mails("beats again")), lambda: other.said)


@pytest.mark.slow
async def test_a_mail_server_that_is_down_is_tried_again(
    tmp_path: Path,
) -> None:
    async with elsewhere(tmp_path) as other:
        other.postbox.answers = ["451 greylisted"]
        with other.watching():
            await until(lambda: other.postbox.asked >= 1, lambda: other.said)
            await until(lambda: bool(other.mails("no beat")), lambda: other.said, within_s=40)


async def test_forged_and_garbled_requests_count_for_nothing(tmp_path: Path) -> None:
    async with elsewhere(tmp_path, grace="1h", after="1s") as other:
        with other.watching():
            await other.up()
            assert await other.beat() == 204
            await until(lambda: bool(other.mails("no beat")), lambda: other.said)
            async with httpx.AsyncClient(trust_env=False) as client:
                for request in (
                    client.post(f"{other.url}/beat", content=b'{"site": "bench"}'),
                    client.post(f"{other.url}/beat", content=b"x" * 20_000),
                    client.get(f"{other.url}/beat"),
                    client.get(f"{other.url}/ack/forged"),
                    client.get(f"{other.url}/elsewhere"),
                    client.post(f"{other.url}/beat", content=b'{"x": ' + b"[" * 9_000),
                ):
                    assert (await request).status_code in {400, 403, 404, 405}
            reader, writer = await asyncio.open_connection("127.0.0.1", other.port)
            writer.write(b"\x16\x03\x01 not http\r\n\r\n")
            assert (await reader.read()).startswith(b"HTTP/1.1 400")
            writer.close()
            await writer.wait_closed()
            reader, writer = await asyncio.open_connection("127.0.0.1", other.port)
            writer.write(b"GET //[x HTTP/1.1\r\n\r\n")
            assert (await reader.read()).startswith(b"HTTP/1.1 404")
            writer.close()
            await writer.wait_closed()
            assert "crashed" not in other.said
            assert other.mails("beats again") == []
            await other.beat()
            await until(lambda: bool(other.mails("beats again")), lambda: other.said)


@pytest.mark.slow
async def test_a_site_whose_core_is_killed_is_missed_and_its_return_is_told(
    tmp_path: Path,
) -> None:
    # Goal C3 5, with the real program on both sides; the spans are made short.
    async with elsewhere(made(tmp_path / "other"), after="3s", grace="60s") as other:
        site = lay_out(tmp_path / "site")
        secret = site.base / "beat.secret"
        secret.write_text(SECRET, encoding="utf-8")
        text = site.path.read_text(encoding="utf-8")
        beat = f'\n[beat]\nurl = "{other.url}/beat"\nevery = "500ms"\n'
        site.path.write_text(f'{text}{beat}secret = {{ file = "beat.secret" }}\n', encoding="utf-8")
        with other.watching():
            await other.up()
            async with rooms(site):
                with core(site) as first:
                    await until(lambda: bool(heard(site)), lambda: first.said)
                    async with httpx.AsyncClient(trust_env=False) as client:
                        async with asyncio.timeout(60):
                            while "✔ beats" not in (await client.get(other.url)).text:  # noqa: ASYNC110 # another process gives no event
                                await asyncio.sleep(0.1)
                    assert other.postbox.mails == []
                    first.kill()
                    await until(lambda: bool(other.mails("no beat")), lambda: other.said)
                with core(site, "again") as second:
                    await until(
                        lambda: bool(other.mails("beats again")), lambda: second.said, within_s=60
                    )


async def test_an_address_that_is_taken_is_one_line(tmp_path: Path) -> None:
    async with elsewhere(tmp_path) as other:
        with other.watching():
            await other.up()
            done = await asyncio.to_thread(
                subprocess.run,
                [sys.executable, "-m", "culturewatch", "watchdog", str(tmp_path / "w.toml")],
                cwd=ROOT,
                env=os.environ | {"BENCH_SECRET": SECRET, "HOOK_SECRET": "h"},
                capture_output=True,
                text=True,
                check=False,
            )
    assert done.returncode == 1
    assert "Address already in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_it_brings_neither_engine_nor_databases_into_its_process() -> None:
    code = (
        "import sys; import culturewatch.cli, culturewatch.watchdog.run, "
        "culturewatch.watchdog.settings; print(*sys.modules)"
    )
    done = subprocess.run(  # noqa: S603 # our own program
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = done.stdout.split()
    unwanted = ("sqlalchemy", "sqlite3", "fastapi", "pymodbus", "paho", "numpy", "alerts.engine")
    assert [name for name in loaded if name.startswith(unwanted)] == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('id = "bench"', 'idd = "bench"', "unknown key `idd`"),
        ('after = "1s"', 'after = "3m"', "watchdog.after: 3m: write a span up to 2m30s"),
        ('env = "BENCH_SECRET"', 'env = "ABSENT_SECRET"', "site[0].secret: the environment var"),
        ('["mail"]', '["fax"]', "'fax' is no channel of the watchdog; known: mail, webhook"),
        ('"lead@lab.example"', '"lead"', "addresses.mail of lead is missing or no address"),
        ("[webhook]\nsecret", "[mailx]\nsecret", "unknown key `mailx`"),
    ],
)
def test_a_mistake_in_its_file_is_told_with_its_place(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    text = FILE.format(port=1, after="1s", grace="1s", repeat="1s", mail=1, hook="http://x/")
    assert old in text
    (tmp_path / "w.toml").write_text(text.replace(old, new, 1), encoding="utf-8")
    done = subprocess.run(  # noqa: S603 # our own program
        [sys.executable, "-m", "culturewatch", "watchdog", str(tmp_path / "w.toml")],
        cwd=ROOT,
        env=os.environ | {"BENCH_SECRET": SECRET, "HOOK_SECRET": "h"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert said in done.stderr
    assert "w.toml:" in done.stderr
    assert "Traceback" not in done.stderr
