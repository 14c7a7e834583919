"""The alarm engine over the journal, and the sender of its pages, wired for a site."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cache, partial

from alerts import configuration
from alerts.auditor import Auditor, Glance
from alerts.directory import Directory
from alerts.dispatch import Claim
from alerts.drill_watch import DrillWatch
from alerts.emergency import Emergency
from alerts.engine.engine import Engine
from alerts.engine.site_orders import RELOAD
from alerts.inquiry import Inquiry
from alerts.notice import Notice
from alerts.notify.notifier import Receipts
from alerts.outbox import Outbox
from alerts.pace import Pace
from alerts.page import Composer
from alerts.replay import Replay, digest_in
from alerts.rota.duty import Duty
from alerts.rota.feeds import Feeds
from alerts.rule import Rule
from alerts.rulebook import Rulebook, RuleError
from alerts.schema import StoreError
from alerts.service import AlarmService
from alerts.store import AlarmStore, Caused, Saved
from alerts.token import TokenDesk, load_key
from alerts.transition import What
from alerts.trouble import oldest_page_ms
from alerts.upkeep import hear
from culturewatch.at_risk import AtRisk
from culturewatch.blindness import Blindness
from culturewatch.everybody import Everybody
from culturewatch.on_call import drills_wanted, feeds, rotas
from culturewatch.paths import token_key
from culturewatch.reach import notifiers
from culturewatch.sirens import Sirens
from culturewatch.site import Site
from culturewatch.troubles import Troubles
from storage.entry import Started
from storage.inbox import Inbox
from storage.journal import Journal
from storage.wall import wall_ms


class Alarming:
    """Judges what the journal holds, and tells people. Made by ``alarming``."""

    def __init__(
        self,
        *,
        store: AlarmStore,
        service: AlarmService,
        due_of: Callable[[str], int | None],
        outbox: Outbox,
        emergency: Emergency,
        blindness: Blindness,
        inquiry: Inquiry,
        duty: Duty,
        calendars: Feeds,
        drills: DrillWatch | None,
        auditor: Auditor,
        sirens: Sirens | None,
    ) -> None:
        self._store = store
        self._page_since: int | None = None
        self.service = service
        self.due_of = due_of
        self.emergency = emergency
        self.blindness = blindness
        self.inquiry = inquiry
        self.duty = duty
        self.calendars = calendars
        self.drills = drills
        self.auditor = auditor
        self.sirens = sirens
        self.outbox = outbox

    async def oldest_page_ms(self) -> int:
        """For how long the oldest page has waited for a provider, 0 when none does.

        While that cannot be read, one that waited goes on waiting.
        """
        now = wall_ms()
        try:
            waited = await self._store.write(partial(oldest_page_ms, now=now))
        except StoreError:
            return 0 if self._page_since is None else now - self._page_since
        self._page_since = now - waited if waited else None
        return waited

    async def send(self) -> None:
        """Send pages; those that later entries take back are not sent, so first catch up."""
        await self.service.caught_up.wait()
        await self.outbox.run()


@asynccontextmanager
async def alarming(
    site: Site,
    book: Rulebook,
    *,
    journal: Journal,
    inbox: Inbox,
    store: AlarmStore,
    at_risk: AtRisk,
    troubles: Troubles,
    stamp: Callable[[], int],
    on_reload: Callable[[str], None] = lambda _: None,
) -> AsyncIterator[Alarming]:
    """The alarms of ``site``, where they left off, while its notifiers are open.

    ``stamp`` is the clock of the readings. ``on_reload`` is told who orders that the configuration
    is read again.

    Raises:
        alerts.token.KeyFileError: the key that signs links cannot be used.
        alerts.schema.StoreError: the store cannot be read.
    """
    saved = await _judged_by_the_rules_of_then(
        site, book, journal=journal, store=store, troubles=troubles
    )
    engine = Engine(book, saved.parts)
    directory = _directory(site, engine)
    calendars = feeds(site, now=wall_ms, on_trouble=troubles.say)
    composer = Composer(
        directory,
        book.channels,
        at_risk=at_risk.in_device,
        place_of=_placer(site),
        link_of=_linker(site),
        zone=site.zone,
    )
    glance = Glance(store.path)
    async with notifiers(site) as ways, glance:
        outbox = Outbox(
            store,
            ways,
            composer,
            directory,
            # The folder is locked: nobody else sends from this store.
            pace=Pace(bundle_ms=int(site.file.site.bundle), skew_ms=0),
            on_trouble=troubles.hear,
        )
        emergency = Emergency(ways, composer, directory, on_trouble=troubles.say)
        duty = _duty(site, calendars, engine, journal=journal, store=store, troubles=troubles)

        def committed(caused: Sequence[Caused]) -> None:
            emergency.stored(caused)
            outbox.wake()
            duty.committed(caused)
            for by in _who_want_a_reload(caused):
                on_reload(by)

        service = AlarmService(
            journal,
            engine,
            store,
            directory,
            cursor=saved.cursor,
            committed=committed,
            unstored=emergency.take,
            on_trouble=troubles.say,
            stamp=stamp,
            handed=emergency.handed,
            heard=outbox.hear,
        )
        asked = {name: way for name, way in ways.items() if isinstance(way, Receipts)}
        everybody = Everybody(ways, directory, on_trouble=troubles.say)
        yield Alarming(
            store=store,
            service=service,
            due_of=engine.due_of,
            outbox=outbox,
            emergency=emergency,
            blindness=Blindness(
                lambda: journal.oldest_pending_ms,
                lambda: journal.stats,
                ways,
                directory,
                site=site.file.site.name,
                on_trouble=troubles.say,
            ),
            inquiry=Inquiry(store, asked, site.file.person, inbox.submit, on_trouble=troubles.say),
            duty=duty,
            calendars=calendars,
            drills=_drills(site, store, journal, troubles),
            auditor=Auditor(glance.look, now=wall_ms, on_trouble=troubles.say),
            sirens=_sirens(site, service, everybody, troubles),
        )


def _who_want_a_reload(caused: Sequence[Caused]) -> list[str]:
    return [
        one.transition.by
        for one in caused
        if one.transition.what is What.SYSTEM and one.transition.detail.get("verb") == RELOAD
    ]


async def _judged_by_the_rules_of_then(
    site: Site, book: Rulebook, *, journal: Journal, store: AlarmStore, troubles: Troubles
) -> Saved:
    """The state to go on from. What killed cores left unjudged falls under the rules they ran with.

    Otherwise the history would not be what the journal, replayed, gives.
    """

    @cache
    def rulebook_of(digest: str) -> Rulebook:
        if digest == book.digest:
            return book
        try:
            return configuration.kept(site.data, digest)
        except RuleError as error:
            # Rather judged by the rules of now than not at all.
            troubles.say(f"{error}; what was read under them is judged by the rules of now")
            return book

    saved = await store.load()
    runs = [run.configuration for run in await _runs(journal, saved.cursor)]
    first = rulebook_of(runs[0]) if runs else book
    if {digest_in(saved.parts, first), *runs} == {book.digest}:
        return saved
    replay = Replay(rulebook_of, saved.parts, first=first)
    directory = _directory(site, replay)
    service = AlarmService(
        journal,
        replay,
        store,
        directory,
        cursor=saved.cursor,
        on_trouble=troubles.say,
        heard=lambda db, said: hear(db, said, directory, now=wall_ms(), pace=Pace()),
    )
    await service.catch_up()
    return await store.load()


def _directory(site: Site, engine: Engine | Replay) -> Directory:
    """Whom the site's policies name, and who of them is on call."""
    return Directory(
        site.file.person,
        site.file.policy,
        _finder(engine),
        on_call=engine.on_call,
        zone=site.zone,
    )


def _duty(
    site: Site,
    calendars: Feeds,
    engine: Engine,
    *,
    journal: Journal,
    store: AlarmStore,
    troubles: Troubles,
) -> Duty:
    """Who keeps the engine told of who is on call."""
    return Duty(
        rotas(site),
        site.file.policy,
        [person.id for person in site.file.person],
        calendars,
        store,
        put=journal.put,
        on_call=engine.on_call,
        on_trouble=troubles.say,
        now=wall_ms,
    )


def _sirens(
    site: Site, service: AlarmService, everybody: Everybody, troubles: Troubles
) -> Sirens | None:
    if not site.file.annunciator:
        return None
    return Sirens(
        site.file.annunciator,
        service.open_alarms,
        everybody,
        site=site.file.site.name,
        on_trouble=troubles.say,
    )


async def _runs(journal: Journal, after: int) -> list[Started]:
    """The starts among the entries after ``after``: runs of which nothing, or not all, is kept."""
    return [
        entry
        async for batch in journal.follow(after, wait=False)
        for _, entry in batch
        if isinstance(entry, Started)
    ]


def _finder(engine: Engine | Replay) -> Callable[[str], Rule | None]:
    def rule_of(rule: str) -> Rule | None:
        try:
            return engine.rule(rule)
        except KeyError:
            return None

    return rule_of


def _placer(site: Site) -> Callable[[str], str]:
    declared = {device.id: device.declared for device in site.devices}

    def place_of(device: str) -> str:
        """Where somebody who is woken has to go."""
        found = declared.get(device)
        own = (found.name, found.location) if found is not None else ()
        return ", ".join(part for part in (*own, site.file.site.name) if part)

    return place_of


def _drills(
    site: Site, store: AlarmStore, journal: Journal, troubles: Troubles
) -> DrillWatch | None:
    """Who watches the drills, where the site wants any."""
    if site.file.drill is None:
        return None
    return DrillWatch(
        site.file.person,
        drills_wanted(site),
        store,
        zone=site.zone,
        put=journal.put,
        on_trouble=troubles.say,
        now=wall_ms,
    )


def _linker(site: Site) -> Callable[[Claim], str]:
    # The console asks whether a link was used; who makes links need not.
    desk = TokenDesk(load_key(token_key(site.data)), used=lambda _: False)

    def link_of(claim: Claim) -> str:
        person = claim.way.person
        if claim.notice is Notice.SUMMARY:
            token = desk.make_all(person=person, summary=claim.row, arrived=claim.arrived)
        else:
            token = desk.make(
                person=person,
                rule=claim.rule,
                occurrence=claim.occurrence,
                severity=claim.severity,
            )
        return f"{site.public_url}/ack/{token}"

    return link_of
