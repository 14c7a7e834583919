"""What a site's file means to the rota and to the drills."""

from collections.abc import Callable
from urllib.parse import urlsplit

from alerts.drills import Drills
from alerts.rota.feeds import Feed, Feeds
from alerts.rota.pattern import Calendar, Rota
from culturewatch.fetch import fetch
from culturewatch.paths import calendars
from culturewatch.site import Site
from culturewatch.site_file import DrillTable, RotaFeed


def rotas(site: Site) -> tuple[Rota, ...]:
    """The rotas, with the addresses of their calendars."""
    return tuple(
        Rota(
            id=rota.id,
            zone=rota.zone or site.file.site.time_zone,
            shift=rota.shift,
            feed=tuple(_calendar(site, feed) for feed in rota.feed),
            horizon=rota.horizon,
            manager=rota.manager,
        )
        for rota in site.file.rota
    )


def _calendar(site: Site, feed: RotaFeed) -> Calendar:
    url = feed.url or site.reveal(feed.secret_url)
    # The rest of an address may be what lets its holder read it.
    name = feed.file or urlsplit(url).hostname or "calendar"
    return Calendar(name=name, file=feed.file, url=url, every=feed.every)


def feeds(site: Site, *, now: Callable[[], int], on_trouble: Callable[[str], None]) -> Feeds:
    """The calendars of all rotas, with their copies beside the data."""
    return Feeds(
        [
            Feed(
                rota,
                calendar,
                site.file.person,
                folder=calendars(site.data),
                base=site.base,
                fetch=fetch,
                now=now,
            )
            for rota in rotas(site)
            for calendar in rota.feed
        ],
        on_trouble=on_trouble,
    )


def drills_wanted(site: Site) -> Drills:
    """What the site wants of drills, or what is usual where it does not say."""
    table = site.file.drill or DrillTable()
    return Drills(
        manager=table.manager,
        overdue=table.overdue,
        within=table.within,
        day=table.day,
        at=table.at,
    )
