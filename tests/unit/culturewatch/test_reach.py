"""From a site's file to a phone and back: the channels it declares, with the parts that run."""

import asyncio
import base64
import hmac
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest

from alerts.notify.notifier import Receipts
from alerts.reader import AlarmReader
from alerts.store import AlarmStore
from console.app import create
from culturewatch import paths
from culturewatch.alarming import alarming
from culturewatch.at_risk import AtRisk
from culturewatch.parts import rulebook
from culturewatch.reach import notifiers
from culturewatch.serve_console import settings
from culturewatch.site import Site, load
from culturewatch.troubles import Troubles
from devices.profile import layout
from devices.scan import Scan
from storage.inbox import Inbox, drain
from storage.journal import Journal
from storage.wall import wall_ms
from tests.unit.alerts.http_provider import HttpProvider, answer

pytestmark = pytest.mark.long

EXAMPLE = Path(__file__).parents[3] / "examples" / "site.toml"
_SAMPLE = re.compile(r"# (\[|[a-z_-]+ = )")
TOKEN = "auth-token-of-nobody"  # noqa: S105 # as it says
PUBLIC = "https://lab.example"
ADA = "+43660123456"
SITE = """
[site]
id = "lab"
name = "Laboratory"

[[endpoint]]
id = "bench"
host = "127.0.0.1"
port = 15099

[[device]]
id = "inc1"
profile = "sim-incubator"
endpoint = "bench"

[[person]]
id = "ada"
channels = ["sms", "voice", "pushover", "ntfy", "teams", "apprise", "inbox"]
addresses = { sms = "+43660123456", voice = "+43660123456", ntfy = "lab-oncall", teams = "lab",\
 pushover = "uQiRzpo4DXghDmr9QzzfQu27cmVRsG", apprise = "chat" }

[[policy]]
id = "standard"
steps = [{ after = "0s", to = ["ada"] }]

[console]
public_url = "https://lab.example/"

[twilio]
account_sid = "AC00000000000000000000000000000000"
auth_token = { file = "secrets/twilio" }
sender = "+4366012345678"
caller = "+4366012345678"
api = "URL"

[pushover]
token = { file = "secrets/pushover" }
api = "URL"

[ntfy]
server = "URL"
token = { file = "secrets/ntfy" }

[teams.urls]
lab = { file = "secrets/teams" }

[apprise.urls]
chat = { file = "secrets/chat" }
"""
RULES = """
[[rule]]
id = "hot"
channel = "inc1.temperature"
kind = "high"
limit = 38
policy = "standard"
severity = "critical"
cause = "Heater stuck."
consequence = "Cells die."
action = "Move them."
respond_within = "20m"
"""


def laid_out(folder: Path, url: str) -> Site:
    for name, text in (
        ("site.toml", SITE.replace("URL", url)),
        ("rules.d/bench.toml", RULES),
        ("secrets/twilio", f"{TOKEN}\n"),
        ("secrets/pushover", "pushover-of-nobody"),
        ("secrets/ntfy", "ntfy-of-nobody"),
        ("secrets/teams", f"{url}/workflow?sig=teams-of-nobody"),
        ("secrets/chat", f"{url.replace('http', 'json')}/chat-of-nobody"),
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return load(folder / "site.toml")


def warm(site: Site, temperature: float) -> Scan:
    profile = site.devices[0].profile
    shape = layout("inc1", profile)
    values = tuple(temperature if key == "temperature" else 1.0 for key in shape.keys)
    now = wall_ms()
    return Scan(shape, now, now, values, bytes(len(values)))


async def until(holds: Callable[[], bool], within_s: float = 15.0) -> None:
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 # any condition, also one without an event
            await asyncio.sleep(0.02)


@asynccontextmanager
async def running(site: Site) -> AsyncIterator[Journal]:
    """The alarms of a core: judging, sending, asking for receipts; no devices."""
    troubles = Troubles()
    with Inbox(site.data) as inbox:
        async with (
            Journal(site.data, group_ms=1) as journal,
            AlarmStore(paths.alarms(site.data)) as store,
            alarming(
                site,
                rulebook(site),
                journal=journal,
                inbox=inbox,
                store=store,
                at_risk=AtRisk(site.data, site.ledger_url),
                troubles=troubles,
                stamp=wall_ms,
            ) as alarms,
        ):
            parts = [
                asyncio.create_task(part(), name=name)
                for name, part in (
                    ("engine", alarms.service.run),
                    ("outbox", alarms.send),
                    ("receipts", alarms.inquiry.run),
                    ("inbox", lambda: drain(inbox, journal)),
                )
            ]
            try:
                await alarms.service.caught_up.wait()
                yield journal
            finally:
                for part in parts:
                    part.cancel()
                await asyncio.wait(parts)


@asynccontextmanager
async def console(site: Site) -> AsyncIterator[httpx.AsyncClient]:
    app = create(settings(site))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=PUBLIC) as client,
    ):
        yield client


async def twilio_posts(client: httpx.AsyncClient, url: str, form: Mapping[str, str]) -> str:
    """As Twilio does, to the URL that it was given."""
    url = url.partition("#")[0]
    text = url + "".join(name + form[name] for name in sorted(form))
    signed = base64.b64encode(hmac.digest(TOKEN.encode(), text.encode(), "sha1")).decode()
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Twilio-Signature": signed,
    }
    said = await client.post(url, content=urlencode(form), headers=headers)
    assert said.is_success
    return said.text


def states(site: Site) -> list[tuple[str, str]]:
    with AlarmReader(paths.alarms(site.data)) as reader:
        return [(row.channel, row.state.value) for row in reader.pages()][::-1]


def acknowledged(site: Site) -> list[tuple[str, str]]:
    """Who acknowledged, and by which way."""
    with AlarmReader(paths.alarms(site.data)) as reader:
        found = [row.transition for row in reader.history() if row.transition.what.value == "ack"]
    return [(one.by, one.command.partition("-")[0]) for one in found]


async def test_a_site_has_the_channels_that_it_declares(tmp_path: Path) -> None:
    site = laid_out(tmp_path, "http://127.0.0.1:9")
    async with notifiers(site) as ways:
        assert set(ways) == {*site.file.person[0].channels}
        assert [name for name, way in ways.items() if isinstance(way, Receipts)] == ["pushover"]


def test_no_secret_of_a_channel_is_shown(tmp_path: Path) -> None:
    site = laid_out(tmp_path, "http://127.0.0.1:9")
    assert "of-nobody" not in repr(site)
    assert "of-nobody" not in repr(settings(site))


async def test_a_text_message_is_delivered_and_acknowledged_by_a_reply(tmp_path: Path) -> None:
    twilio = HttpProvider(answer(201, {"sid": "SM1", "status": "queued"}))
    async with twilio.serving() as url:
        site = laid_out(tmp_path, url)
        async with running(site) as journal, console(site) as client:
            await journal.put(warm(site, 38.5))
            await until(lambda: states(site) == [("sms", "accepted")])
            sent = twilio.asked[0].form
            await twilio_posts(
                client, sent["StatusCallback"], {"MessageSid": "SM1", "MessageStatus": "delivered"}
            )
            await until(lambda: states(site) == [("sms", "delivered")])
            code = re.search(r"Reply (\w+) to acknowledge", sent["Body"])
            assert code is not None
            said = await twilio_posts(
                client,
                f"{PUBLIC}/twilio/reply",
                {"MessageSid": "SM2", "From": ADA, "Body": code[1]},
            )
            assert "<Message>Acknowledged: hot.</Message>" in said
    assert acknowledged(site) == [("ada", "sms")]


async def test_a_lost_text_message_becomes_a_call_that_a_key_acknowledges(tmp_path: Path) -> None:
    twilio = HttpProvider(
        answer(201, {"sid": "SM1", "status": "queued"}),
        answer(201, {"sid": "CA1", "status": "queued"}),
    )
    async with twilio.serving() as url:
        site = laid_out(tmp_path, url)
        async with running(site) as journal, console(site) as client:
            await journal.put(warm(site, 38.5))
            await until(lambda: states(site) == [("sms", "accepted")])
            lost = {"MessageSid": "SM1", "MessageStatus": "undelivered", "ErrorCode": "30003"}
            await twilio_posts(client, twilio.asked[0].form["StatusCallback"], lost)
            await until(lambda: states(site) == [("sms", "failed"), ("voice", "accepted")])
            call = twilio.asked[1].form
            action = re.search(r'action="([^"]+)"', call["Twiml"])
            assert action is not None
            press = {"CallSid": "CA1", "Digits": "1", "AnsweredBy": "human"}
            assert "Acknowledged: hot." in await twilio_posts(client, action[1], press)
            over = {"CallSid": "CA1", "CallStatus": "completed", "AnsweredBy": "human"}
            await twilio_posts(client, call["StatusCallback"], over)
            await until(lambda: states(site)[1] == ("voice", "delivered"))
    assert acknowledged(site) == [("ada", "voice")]
    assert len(states(site)) == 2


async def test_a_mailbox_takes_nobody_off_the_hook(tmp_path: Path) -> None:
    twilio = HttpProvider(
        answer(400, {"code": 21610, "message": "unsubscribed"}),
        answer(201, {"sid": "CA1", "status": "queued"}),
        answer(200, {"status": 1, "request": "x", "receipt": "r" * 30}),
        answer(500),
    )
    async with twilio.serving() as url:
        site = laid_out(tmp_path, url)
        async with running(site) as journal, console(site) as client:
            await journal.put(warm(site, 38.5))
            await until(lambda: ("voice", "accepted") in states(site))
            call = twilio.asked[1].form
            over = {"CallSid": "CA1", "CallStatus": "completed", "AnsweredBy": "machine_start"}
            await twilio_posts(client, call["StatusCallback"], over)
            await until(lambda: ("pushover", "accepted") in states(site))
    assert states(site)[:2] == [("sms", "failed"), ("voice", "failed")]
    assert acknowledged(site) == []


def test_the_samples_in_the_example_can_be_used_as_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    head, samples = text.split("# Further channels.")
    lines = [line.removeprefix("# ") for line in samples.splitlines() if _SAMPLE.match(line)]
    site = head.replace("# public_url", "public_url") + "\n".join(lines)
    (tmp_path / "site.toml").write_text(site, encoding="utf-8")
    (tmp_path / "secrets").mkdir()
    for name, secret in (
        ("ntfy", "tk_1"),
        ("teams-lab", "https://teams.example/workflows/1?sig=2"),
        ("lead-chat", "json://chat.example"),
    ):
        (tmp_path / "secrets" / name).write_text(secret)
    monkeypatch.setenv("CULTUREWATCH_TWILIO_TOKEN", TOKEN)
    monkeypatch.setenv("CULTUREWATCH_PUSHOVER_TOKEN", TOKEN)
    monkeypatch.setenv("CULTUREWATCH_SIGNING_PASSWORD", TOKEN)
    loaded = load(tmp_path / "site.toml")
    assert loaded.file.person[-1].id == "night"
    assert set(loaded.file.person[-1].channels) == set(loaded.file.person[-1].addresses)
    assert len(loaded.file.person[-1].channels) == 6
