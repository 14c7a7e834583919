"""Panels of dashboards: the one door to Grafana's types (grafana-foundation-sdk)."""

import json
from collections.abc import Sequence
from typing import TypeAlias

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as boards
from grafana_foundation_sdk.builders import stat, statetimeline, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models.dashboard import (
    AnnotationQuery,
    AnnotationTarget,
    Dashboard,
    DashboardCursorSync,
    DataSourceRef,
    Panel,
    Threshold,
    ThresholdsMode,
    VariableHide,
    VariableModel,
    VariableRefresh,
)

READINGS = DataSourceRef(type_val="influxdb", uid="culturewatch")
LEDGER = DataSourceRef(type_val="grafana-postgresql-datasource", uid="culturewatch-ledger")
WIDTH = 24
HALF = 12

Drawn: TypeAlias = Builder[Panel]

UNITS = {
    "degC": "celsius",
    "%": "percent",
    "mm": "lengthmm",
    "hPa": "pressurehpa",
    "kg": "masskg",
    "s": "s",
    "1": "short",
    "n": "short",
    "mA": "mamp",
    "V": "volt",
    "h": "h",
}
"""Grafana's ids of stored units, and of hours, which are worked out."""


class Readings(Dataquery, Builder[Dataquery]):
    """A query of InfluxDB."""

    def __init__(
        self, query: str, *, alias: str = "$tag_channel", shape: str = "time_series"
    ) -> None:
        self.query, self.alias, self.shape = query, alias, shape

    def build(self) -> Dataquery:
        return self

    def to_json(self) -> dict[str, object]:
        alias = {"alias": self.alias} if self.shape == "time_series" else {}
        return {
            "datasource": READINGS,
            "query": self.query,
            "rawQuery": True,
            "resultFormat": self.shape,
            **alias,
        }


class Rows(Dataquery, Builder[Dataquery]):
    """A query of the ledger."""

    def __init__(self, sql: str, *, shape: str = "table") -> None:
        self.sql, self.shape = sql.strip(), shape

    def build(self) -> Dataquery:
        return self

    def to_json(self) -> dict[str, object]:
        return {
            "datasource": LEDGER,
            "editorMode": "code",
            "format": self.shape,
            "rawQuery": True,
            "rawSql": self.sql,
        }


class _Asked(AnnotationTarget):
    """What an annotation asks the ledger for."""

    def __init__(self, sql: str) -> None:
        super().__init__()
        self._query = Rows(sql)

    def to_json(self) -> dict[str, object]:
        return self._query.to_json() | {"refId": "Anno"}


class _Asking(Builder[AnnotationTarget]):
    def __init__(self, sql: str) -> None:
        self._sql = sql

    def build(self) -> AnnotationTarget:
        return _Asked(self._sql)


class Several(Builder[Panel]):
    """A panel whose queries are named A, B, C … as Grafana wants them."""

    def __init__(self, panel: Builder[Panel]) -> None:
        self._panel = panel

    def build(self) -> Panel:
        panel = self._panel.build()
        for number, query in enumerate(panel.targets or ()):
            panel.targets[number] = _Named(query, chr(ord("A") + number))  # type: ignore[index] # no targets, no turn of this loop
        return panel


class _Named(Dataquery):
    def __init__(self, query: Dataquery, ref: str) -> None:
        self._query, self._ref = query, ref

    def to_json(self) -> dict[str, object]:
        plain = self._query.to_json()  # type: ignore[attr-defined] # ours, both kinds
        return {**plain, "refId": self._ref}


def chart(
    title: str,
    unit: str,
    queries: Sequence[Readings],
    *,
    width: int = HALF,
    every: str = "1m",
    gap_s: int = 0,
) -> Drawn:
    """Curves over time. A gap stays a gap; ``every`` is the shortest interval.

    With ``gap_s`` points that are further apart are not joined: of queries that say nothing where
    nothing is known.
    """
    panel = (
        timeseries.Panel()
        .title(title)
        .datasource(READINGS)
        .unit(UNITS[unit])
        .interval(every)
        .line_width(1)
        .span_nulls(False)
        .insert_nulls(gap_s * 1000 if gap_s else False)
        .show_points(common.VisibilityMode.AUTO)
        .legend(
            common_builders.VizLegendOptions()
            .display_mode(common.LegendDisplayMode.LIST)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .height(9)
        .span(width)
    )
    return Several(panel.targets(list(queries)))


def bars(title: str, query: Readings | Rows, *, width: int = HALF) -> Drawn:
    """Counts over time, on top of each other."""
    stacked = common_builders.StackingConfig().mode(common.StackingMode.NORMAL)
    panel = (
        timeseries.Panel()
        .title(title)
        .draw_style(common.GraphDrawStyle.BARS)
        .fill_opacity(70)
        .stacking(stacked)
        .interval("1m")
        .height(8)
        .span(width)
    )
    return Several(panel.datasource(_source(query)).targets([query]))


def words(title: str, query: Readings | Rows, *, width: int = WIDTH) -> Drawn:
    """What was said when, as bands: qualities, places."""
    panel = statetimeline.Panel().title(title).interval("1m").height(8).span(width)
    return Several(panel.datasource(_source(query)).targets([query]))


def listing(title: str, query: Readings | Rows, *, width: int = HALF) -> Drawn:
    """Rows."""
    panel = table.Panel().title(title).height(8).span(width)
    return Several(panel.datasource(_source(query)).targets([query]))


def figure(
    title: str, query: Readings | Rows, *, bad_from: int, unit: str = "n", width: int = 4
) -> Drawn:
    """One number, red from ``bad_from`` on; where there is none, that is what it says."""
    panel = stat.Panel().title(title).unit(UNITS[unit]).no_value("no data").height(4).span(width)
    steps = [Threshold(value=None, color="green"), Threshold(value=bad_from, color="red")]
    limits = boards.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)
    panel = panel.thresholds(limits)
    return Several(panel.datasource(_source(query)).targets([query]))


def annotation(name: str, sql: str, *, colour: str) -> Builder[AnnotationQuery]:
    """Regions and instants out of the ledger, drawn over every curve."""
    asked = boards.AnnotationQuery().name(name).datasource(LEDGER).enable(True).icon_color(colour)
    return asked.target(_Asking(sql))


def choice(
    name: str, query: str, *, label: str = "", of_ledger: bool = False, every: bool = False
) -> Builder[VariableModel]:
    """A variable that people choose from a list; ``every``: hidden, and all of it."""
    made = boards.QueryVariable(name).label(label or name).query(query)
    made = made.datasource(LEDGER if of_ledger else READINGS)
    made = made.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
    if every:
        return made.multi(True).include_all(True).hide(VariableHide.HIDE_VARIABLE)
    return made


def board(
    uid: str,
    title: str,
    panels: Sequence[Drawn],
    *,
    span: str = "now-6h",
    choices: Sequence[Builder[VariableModel]] = (),
    annotations: Sequence[Builder[AnnotationQuery]] = (),
) -> boards.Dashboard:
    """A dashboard; ``uid`` is its address, which links keep."""
    made = boards.Dashboard(title).uid(uid).tags(["culturewatch"]).readonly()
    made = made.time(span, "now").timezone("browser").refresh("10s")
    made = made.tooltip(DashboardCursorSync.CROSSHAIR)
    made = made.variables(list(choices)).annotations(list(annotations))
    for panel in panels:
        made = made.with_panel(panel)
    return made


def written(dashboard: boards.Dashboard) -> str:
    """The JSON that Grafana reads: the same bytes for the same dashboard."""
    return JSONEncoder(sort_keys=True, indent=2).encode(dashboard.build()) + "\n"


def parsed(text: str) -> dict[str, object]:
    """A dashboard as plain values, read back through Grafana's own types.

    Raises:
        ValueError: it is not JSON.
    """
    read = Dashboard.from_json(json.loads(text))
    plain: dict[str, object] = json.loads(JSONEncoder(sort_keys=True).encode(read))
    return plain


def _source(query: Readings | Rows) -> DataSourceRef:
    return READINGS if isinstance(query, Readings) else LEDGER
