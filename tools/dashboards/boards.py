"""The dashboards of a laboratory."""

from collections.abc import Mapping, Sequence

from culturewatch.itself import DEVICE as ITSELF
from culturewatch.own_state import LAYOUT
from devices.units import STORED_UNIT
from storage.points import CHANNEL, DEVICE, QUALITY, VALUE
from tools.dashboards import sql
from tools.dashboards.influxql import (
    INTERVAL,
    NOT_TRUSTED,
    ONE_DEVICE,
    TRUSTED,
    channel,
    devices,
    of_all,
    over_time,
    select,
    until_empty,
)
from tools.dashboards.panels import (
    HALF,
    WIDTH,
    Drawn,
    Readings,
    Rows,
    annotation,
    bars,
    board,
    chart,
    choice,
    figure,
    listing,
    words,
    written,
)

_OF_LAB = f"\"{DEVICE}\" <> '{ITSELF}'"
_OF_ITSELF = f"\"{DEVICE}\" = '{ITSELF}'"
_OF_BATCH = f'"{DEVICE}" =~ /^${{devices:regex}}$/'
_RED, _ORANGE, _BLUE = "red", "orange", "blue"


def all_boards() -> Mapping[str, str]:
    """Each dashboard's JSON by the name of its file."""
    made = (_overview(), _incubator(), _bank(), _batch(), _on_call(), _collector())
    return {f"{uid}.json": text for uid, text in made}


def _curves(title: str, quantity: str, *where: str, width: int = HALF) -> Drawn:
    """What can be trusted as curves, and what cannot beside it under its own name."""
    good = Readings(over_time("mean", quantity, TRUSTED, *where))
    doubtful = Readings(
        over_time("mean", quantity, NOT_TRUSTED, *where), alias="$tag_channel, not trusted"
    )
    return chart(title, STORED_UNIT[quantity], (good, doubtful), width=width)


def _qualities(*where: str) -> Drawn:
    # Else the band of before would go on over a time of which nothing is known.
    by = f'time({INTERVAL}), "{CHANNEL}" fill(null)'
    return words("Quality", Readings(of_all(f'last("{QUALITY}")', *where, by=by)))


def _overview() -> tuple[str, str]:
    newest = select(f'last("{VALUE}") AS "{VALUE}"', "temperature", _OF_LAB)
    count = of_all(
        f'count("{QUALITY}")', NOT_TRUSTED, _OF_LAB, by=f'time({INTERVAL}), "{DEVICE}" fill(none)'
    )
    panels = (
        figure("Alarms standing", Rows(sql.STANDING_COUNT), bad_from=1),
        listing("Standing alarms", Rows(sql.STANDING_ALARMS), width=20),
        _curves("Temperature", "temperature", _OF_LAB, width=WIDTH),
        _curves("CO2", "carbon_dioxide", _OF_LAB),
        _curves("Oxygen", "oxygen", _OF_LAB),
        _curves("Relative humidity", "relative_humidity", _OF_LAB),
        _curves("Liquid nitrogen", "level", _OF_LAB),
        bars("Readings that cannot be trusted", Readings(count, alias="$tag_device")),
        listing("Newest temperatures", Readings(newest, shape="table")),
        listing("What stands where", Rows(sql.INSIDE_NOW), width=WIDTH),
    )
    uid = "culturewatch-lab"
    drawn = annotation("Excursions", sql.EXCURSIONS, colour=_RED)
    return uid, written(board(uid, "Laboratory", panels, annotations=(drawn,)))


def _incubator() -> tuple[str, str]:
    panels = (
        _curves("Temperature", "temperature", ONE_DEVICE),
        _curves("CO2", "carbon_dioxide", ONE_DEVICE),
        _curves("Relative humidity", "relative_humidity", ONE_DEVICE),
        chart(
            "Door and states",
            STORED_UNIT["state"],
            [Readings(over_time("max", "state", ONE_DEVICE))],
        ),
        _qualities(ONE_DEVICE),
        listing("Inside now", Rows(sql.INSIDE_DEVICE), width=WIDTH),
    )
    return _of_device("incubator", "Incubator", panels, span="now-24h", having="carbon_dioxide")


def _bank() -> tuple[str, str]:
    by = f'time(1h), "{CHANNEL}" fill(none)'
    lost = select(f'derivative(mean("{VALUE}"), 1d)', "level", TRUSTED, ONE_DEVICE, by=by)
    empty = until_empty("level", TRUSTED, ONE_DEVICE)
    lids = over_time("max", "state", ONE_DEVICE, channel("lid", "filling"))
    panels = (
        _curves("Level", "level", ONE_DEVICE),
        _curves("Temperature", "temperature", ONE_DEVICE),
        chart("Change of level in a day", STORED_UNIT["level"], [Readings(lost)], gap_s=2 * 3600),
        chart("Hours to empty, as it fell in the last six", "h", [Readings(empty)], gap_s=1800),
        chart("Lid and filling", STORED_UNIT["state"], [Readings(lids)]),
        _qualities(ONE_DEVICE),
        listing("Vials inside", Rows(sql.VIALS_IN_DEVICE), width=WIDTH),
    )
    return _of_device("bank", "LN2 bank", panels, span="now-7d", having="level")


def _of_device(
    name: str, title: str, panels: Sequence[Drawn], *, span: str, having: str
) -> tuple[str, str]:
    """A board of one device, chosen among those that measure the quantity ``having``."""
    uid = f"culturewatch-{name}"
    made = board(
        uid,
        title,
        panels,
        span=span,
        choices=(choice("device", devices(having)),),
        annotations=(annotation("Excursions", sql.EXCURSIONS_OF_DEVICE, colour=_RED),),
    )
    return uid, written(made)


def _batch() -> tuple[str, str]:
    panels = (
        listing("Batch", Rows(sql.BATCH), width=WIDTH),
        words("Where it stood", Rows(sql.WHEREABOUTS)),
        _curves("Temperature around it", "temperature", _OF_BATCH),
        _curves("CO2 around it", "carbon_dioxide", _OF_BATCH),
        _qualities(_OF_BATCH),
        listing("Stays", Rows(sql.STAYS), width=WIDTH),
    )
    uid = "culturewatch-batch"
    made = board(
        uid,
        "Batch timeline",
        panels,
        span="now-30d",
        choices=(
            choice("batch", sql.BATCHES, of_ledger=True),
            choice("devices", sql.DEVICES_OF_BATCH, of_ledger=True, every=True),
        ),
        annotations=(
            annotation("Placements", sql.PLACEMENTS, colour=_BLUE),
            annotation("Excursions", sql.EXCURSIONS_OF_BATCH, colour=_RED),
            annotation("Alarms", sql.ALARMS_OF_BATCH, colour=_ORANGE),
        ),
    )
    return uid, written(made)


def _on_call() -> tuple[str, str]:
    panels = (
        figure("Alarms standing", Rows(sql.STANDING_COUNT), bad_from=1),
        # More than ten in ten minutes are a flood (ISA-18.2, IEC 62682).
        figure("Most in ten minutes", Rows(sql.BUSIEST_TEN_MINUTES), bad_from=11),
        listing("Until somebody acknowledged, in seconds", Rows(sql.TIME_TO_ACK), width=16),
        bars("Alarms a day", Rows(sql.ALARMS_A_DAY, shape="time_series")),
        listing("Most frequent", Rows(sql.ALARMS_BY_RULE)),
        listing("Who was told", Rows(sql.PAGES_BY_PERSON)),
        listing("Silenced", Rows(sql.SILENCED)),
    )
    uid = "culturewatch-on-call"
    return uid, written(board(uid, "On call and alarm KPI", panels, span="now-30d"))


def _collector() -> tuple[str, str]:
    units = dict(zip(LAYOUT.keys, LAYOUT.quantities, strict=True))

    def own(title: str, *keys: str) -> Drawn:
        quantity = units[keys[0]]
        query = over_time("max", quantity, _OF_ITSELF, channel(*keys))
        return chart(title, STORED_UNIT[quantity], [Readings(query)])

    read = of_all(f'count("{QUALITY}")', by=f'time({INTERVAL}), "{DEVICE}" fill(0)')
    silent = of_all(
        f'count("{QUALITY}")',
        f"\"{QUALITY}\" = 'no_answer'",
        by=f'time({INTERVAL}), "{DEVICE}" fill(none)',
    )
    panels = (
        bars("Readings", Readings(read, alias="$tag_device")),
        bars("Reads without an answer", Readings(silent, alias="$tag_device")),
        own("Journal and disk", "journal_fill", "disk_fill"),
        own("Waiting", "disk_wait", "forwarding_behind", "page_wait", "acts_wait"),
        own("Entries that go to InfluxDB behind live ones", "forwarding_backlog"),
        own("Put aside and lost", "quarantined", "lost", "conflicts", "archive_damaged"),
        own("People", "drills_unproven", "rota_faults", "reports_failed"),
        own("Clock", "clock_unsure"),
        own("Since the archive was sealed", "seal_wait"),
        own("Certificate overdue for renewal", "renewal_wait"),
        own("Since the last backup", "backup_wait", "backup_check_wait"),
        own("Backups that fail", "backup_failed"),
        _qualities(_OF_ITSELF),
        listing("Troubles", Rows(sql.TROUBLES), width=WIDTH),
    )
    uid = "culturewatch-collector"
    return uid, written(board(uid, "Collector", panels))
