"""Who is on call, for the console: rotas, changes, gaps and drills from the files of a site."""

from datetime import datetime

from alerts.drills import Standing, drilled, standings
from alerts.schema import StoreError, open_read_only
from console.on_call_page import Change, DrillShown, OnCallShown, RotaShown, Shift
from console.sight import BlindError
from culturewatch import paths
from culturewatch.on_call import drills_wanted
from culturewatch.rota_view import RotaView, rota_views
from culturewatch.site import Site


def on_call(site: Site, start: int, end: int) -> OnCallShown:
    """The rotas of ``site`` from ``start`` to ``end`` (epoch ms), and its drills.

    Raises:
        BlindError: the alarm store cannot be read.
    """
    try:
        views = rota_views(site, [rota.id for rota in site.file.rota], now=start, until=end)
        drills = _standings(site, start)
    except StoreError as error:
        raise BlindError(str(error)) from error
    return OnCallShown(
        rotas=tuple(_rota(view) for view in views),
        drills=tuple(_drill(one) for one in drills),
    )


def _standings(site: Site, now: int) -> tuple[Standing, ...]:
    path, found = paths.alarms(site.data), []
    if path.exists():
        db = open_read_only(path)
        try:
            found = drilled(db)
        finally:
            db.close()
    return standings(site.file.person, found, drills_wanted(site), now=now)


def _rota(view: RotaView) -> RotaShown:
    return RotaShown(
        id=view.rota,
        zone=view.zone,
        shifts=tuple(
            Shift(start=_ms(one.start), end=_ms(one.end), people=one.people) for one in view.periods
        ),
        changes=tuple(
            Change(
                id=act.id,
                verb=act.verb,
                people=act.people,
                start=act.start,
                end=act.end,
                by=act.by,
                why=act.why,
            )
            for act in view.acts
        ),
        problems=view.problems,
    )


def _drill(one: Standing) -> DrillShown:
    return DrillShown(
        person=one.person,
        channel=one.channel,
        word=one.word.value,
        at=None if one.newest is None else one.newest.at,
        answered=None if one.newest is None else one.newest.answered,
        error="" if one.newest is None else one.newest.error,
        is_proven=one.proven,
    )


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
