"""``culturewatch watchdog``: hears the beats of sites from another machine, and pages by itself."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from urllib.parse import parse_qs

from alerts.directory import Directory, Way
from alerts.notice import Notice
from alerts.notify.http import open_http
from alerts.notify.mail import MailNotifier, MailServer
from alerts.notify.notifier import Message, Notifier
from alerts.notify.webhook import SIGNATURE, TIMESTAMP, WebhookNotifier
from alerts.policy import Policy, Step
from alerts.token import AckClaim, TokenDesk, load_key
from collector.supervise import supervise
from console.origin import Nonces, is_ours
from culturewatch.everybody import Everybody, Owed
from culturewatch.watchdog import memory, vigil, words
from culturewatch.watchdog.beats import Ear, Refused
from culturewatch.watchdog.http import Answer, Door, Request
from culturewatch.watchdog.settings import Settings
from culturewatch.watchdog.vigil import Patience, Vigil, Word
from culturewatch.watchdog.words import About
from devices.duration import Duration
from storage.wall import wall_ms

log = logging.getLogger(__name__)

LOOK_S = 0.5
RETRY_S = 15.0
_LINK_S = 7 * 86_400


async def run_watchdog(settings: Settings, stop: asyncio.Event) -> None:
    """Watch until ``stop`` is set.

    Raises:
        alerts.token.KeyFileError: the key that signs links cannot be used.
        OSError: it cannot listen where it is told to.
    """
    async with _notifiers(settings) as ways:
        watchdog = Watchdog(settings, ways)
        head = settings.file.watchdog
        with Door(head.host, head.port, watchdog.answer) as door:
            log.info("beats are awaited at %s/beat", settings.public_url)
            async with asyncio.TaskGroup() as tasks:
                running = [
                    tasks.create_task(supervise(name, run, on_crash=_crashed), name=name)
                    for name, run in (("door", door.run), ("vigil", watchdog.run))
                ]
                await stop.wait()
                for task in running:
                    task.cancel()


def _crashed(part: str, error: Exception) -> None:
    log.error("%s crashed: %s", part, error)


class Watchdog:
    """The sites, what was heard of them, and who is to be told."""

    def __init__(self, settings: Settings, ways: dict[str, Notifier]) -> None:
        file, now_s = settings.file, time.monotonic()
        head = file.watchdog
        self._names = {site.id: site.name for site in file.site}
        self._patience = Patience(
            after_s=head.after.seconds, grace_s=head.grace.seconds, repeat_s=head.repeat.seconds
        )
        self._state = settings.data / "state.json"
        known = memory.load(self._state, now_s)
        self._vigils = {
            site: Vigil(awaited_s=now_s, outage=known.get(site)) for site in self._names
        }
        self._changed = asyncio.Event()
        self._refused: dict[str, str] = {}
        self._owed: dict[str, Owed] = {}
        self._ear = Ear({site.id: settings.reveal(site.secret) for site in file.site})
        at_once = Step(after=Duration(0), to=tuple(person.id for person in file.person))
        people = Directory(file.person, (Policy(id="all", steps=(at_once,)),), lambda _: None)
        self._people = people
        self._everybody = Everybody(ways, people)
        self._url = settings.public_url
        key = load_key(settings.data / "token.key")
        self._links = TokenDesk(key, used=lambda _: False, max_age_s=_LINK_S)
        self._nonces = Nonces(key)

    async def run(self) -> None:
        """Look after the sites until cancelled, and tell people."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._remember(), name="memory")
            for site in self._vigils:
                tasks.create_task(self._tell_of(site), name=f"tell of {site}")
            while True:
                for site, one in self._vigils.items():
                    moved, word = vigil.look(
                        one, self._patience, now_s=time.monotonic(), now=_wall()
                    )
                    self._move(site, moved, word)
                await asyncio.sleep(LOOK_S)

    async def _tell_of(self, site: str) -> None:
        while True:
            owed = self._owed.get(site)
            if owed is not None and owed.due_s <= time.monotonic():
                left = await self._everybody.tell(owed)
                # What is new by now replaces what is left of the old.
                if self._owed.get(site) is owed:
                    if left is None:
                        del self._owed[site]
                    else:
                        self._owed[site] = left
            await asyncio.sleep(LOOK_S)

    def _move(self, site: str, moved: Vigil, word: Word | None) -> None:
        before, self._vigils[site] = self._vigils[site], moved
        if word is not None:
            outage = moved.outage or before.outage
            began = outage.began if outage else _wall()
            about = self._about(site)
            if word is Word.BACK:
                about = self._about(site, before)
            log.warning("%s", words.subject(word, about))
            self._owed[site] = Owed(
                about=words.subject(word, about),
                message_of=partial(self._message, word, about, began, _wall()),
                people=self._everybody.people,
                due_s=time.monotonic(),
                pause_s=RETRY_S,
            )
        if moved.outage != before.outage:
            self._changed.set()

    async def _remember(self) -> None:
        """Write down who was told of what; in a thread: a disk that hangs must hold up no page."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            outages = {name: one.outage for name, one in self._vigils.items() if one.outage}
            await asyncio.to_thread(memory.keep, self._state, outages)

    def _about(self, site: str, one: Vigil | None = None) -> About:
        one = one or self._vigils[site]
        return About(
            site=site,
            name=self._names[site],
            vigil=one,
            silent_s=one.silent_s(time.monotonic()),
            refused=self._refused.get(site, ""),
        )

    def _message(self, word: Word, about: About, began: int, at: int, way: Way) -> Message:
        link = ""
        if word is not Word.BACK:
            token = self._links.make(
                person=way.person, rule=about.site, occurrence=began, severity="critical"
            )
            link = f"{self._url}/ack/{token}"
        return Message(
            id=f"watchdog-{about.site}-{at}-{way.person}",
            kind=(Notice.ALL_CLEAR if word is Word.BACK else Notice.PAGE).value,
            person=way.person,
            address=self._everybody.address(way),
            subject=words.subject(word, about),
            text=words.text(word, about, link),
            link=link,
            severity="" if word is Word.BACK else "critical",
            rule=about.site,
            occurrence=began,
        )

    async def answer(self, request: Request) -> Answer:
        """The answer to one request. To open a link changes nothing."""
        path = request.path.partition("?")[0]
        if path == "/beat":
            return self._beat(request)
        if path.startswith("/ack/"):
            return self._link(request, path.removeprefix("/ack/"))
        if request.method not in {"GET", "HEAD"} or path != "/":
            return _said(HTTPStatus.NOT_FOUND, "There is nothing here.")
        return Answer(body=words.status_page([self._about(site) for site in self._vigils]))

    def _beat(self, request: Request) -> Answer:
        if request.method != "POST":
            return _said(HTTPStatus.METHOD_NOT_ALLOWED, "A beat is posted.")
        try:
            beat = self._ear.judge(
                request.body,
                timestamp=request.headers.get(TIMESTAMP.lower(), ""),
                signed=request.headers.get(SIGNATURE.lower(), ""),
                now_s=time.time(),
            )
        except Refused as refused:
            if refused.site:
                self._refused[refused.site] = str(refused)
            log.warning("a beat was refused: %s", refused)
            return Answer(status=HTTPStatus.FORBIDDEN, body=f"{refused}\n", kind="text/plain")
        self._refused.pop(beat.site, None)
        moved, word = vigil.heard(self._vigils[beat.site], now_s=time.monotonic(), now=_wall())
        self._move(beat.site, moved, word)
        return Answer(status=HTTPStatus.NO_CONTENT)

    def _link(self, request: Request, token: str) -> Answer:
        claim = self._links.verify(token)
        if not isinstance(claim, AckClaim) or claim.rule not in self._vigils:
            return _said(HTTPStatus.FORBIDDEN, "This link has expired, or was not made here.")
        about = self._about(claim.rule)
        outage = about.vigil.outage
        if outage is None or outage.began != claim.occurrence:
            return _said(HTTPStatus.CONFLICT, "That outage is over; nothing is to be done.")
        name = self._people.name(claim.person)
        if request.method != "POST":
            return Answer(body=words.form_page(about, name, self._nonces.make(token)))
        if not self._is_from_our_page(request, token):
            page = words.form_page(
                about, name, self._nonces.make(token), hint="Look again, and press once more."
            )
            return Answer(status=HTTPStatus.FORBIDDEN, body=page)
        moved, why = vigil.acknowledged(about.vigil, began=claim.occurrence, by=name)
        self._move(claim.rule, moved, None)
        if why:
            return _said(HTTPStatus.CONFLICT, f"{why}.")
        log.warning("%s: %s has it", about.called, name)
        # Whoever could not be reached so far need not be any more.
        self._owed.pop(claim.rule, None)
        said = f"{name} has it. You hear again when {about.called} beats."
        return Answer(body=words.note_page("Acknowledged", said, good=True))

    def _is_from_our_page(self, request: Request, token: str) -> bool:
        headers = request.headers
        ours = is_ours(
            origin=headers.get("origin"),
            fetch_site=headers.get("sec-fetch-site"),
            host=headers.get("host", ""),
            public_url=self._url,
        )
        form = parse_qs(request.body.decode(errors="replace"))
        return ours and self._nonces.holds(form.get("nonce", [""])[0], token)


def _said(status: HTTPStatus, text: str) -> Answer:
    return Answer(status=status, body=words.note_page(status.phrase, text))


def _wall() -> int:
    return wall_ms()


@asynccontextmanager
async def _notifiers(settings: Settings) -> AsyncIterator[dict[str, Notifier]]:
    ways: dict[str, Notifier] = {}
    mail, webhook = settings.file.mail, settings.file.webhook
    if mail is not None:
        server = MailServer(
            host=mail.host,
            port=mail.port,
            sender=mail.sender,
            security=mail.security,
            username=mail.username,
        )
        ways["mail"] = MailNotifier(server, password=settings.reveal(mail.password))
    async with open_http() as http:
        if webhook is not None:
            ways["webhook"] = WebhookNotifier(http, settings.reveal(webhook.secret))
        yield ways
