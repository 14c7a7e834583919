"""The dashboards of Grafana: as committed, with names that exist, and nothing filled in."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from alerts.transition import What
from culturewatch.own_state import LAYOUT
from devices.units import STORED_UNIT
from storage import grants, schema, views
from tools.dashboards import sql
from tools.dashboards.boards import all_boards
from tools.dashboards.influxql import over_time
from tools.dashboards.panels import UNITS, parsed

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "dashboards" / "json"
BOARDS = all_boards()
SQL = {name: text for name, text in vars(sql).items() if name.isupper() and name[0] != "_"}


def test_what_is_committed_is_what_the_generator_writes() -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
    assert committed == BOARDS, "run python -m tools.dashboards"


@pytest.mark.parametrize("name", BOARDS)
def test_a_dashboard_is_one_by_the_types_of_grafana(name: str) -> None:
    read = parsed(BOARDS[name])
    assert read["uid"] == name.removesuffix(".json")
    assert len(read["panels"]) >= 5  # type: ignore[arg-type] # a list, or this fails


@pytest.mark.parametrize("name", BOARDS)
def test_every_query_goes_to_a_source_that_is_provisioned(name: str) -> None:
    text = (ROOT / "dashboards/provisioning/datasources/culturewatch.yaml").read_text()
    provisioned = set(re.findall(r"uid: (\S+)\n +type: (\S+)", text))
    used = set()
    for source in _sources(json.loads(BOARDS[name])):
        used.add((source["uid"], source["type"]))
    assert used
    assert used <= provisioned


@pytest.mark.parametrize("name", SQL)
def test_a_query_of_the_ledger_asks_for_what_its_role_may_see(name: str) -> None:
    asked = set(re.findall(r"(?:FROM|JOIN|FROM span,)\s+(\w+)", SQL[name]))
    tables = {one for one in asked if one in schema.metadata.tables or one in views.metadata.tables}
    assert tables
    assert tables <= set(grants.SHOWN)


@pytest.mark.parametrize("name", SQL)
def test_what_it_asks_of_the_alarm_history_is_said_there(name: str) -> None:
    said = set(re.findall(r"what = '(\w+)'", SQL[name]))
    for listed in re.findall(r"what IN \(([^)]*)\)", SQL[name]):
        said |= set(re.findall(r"'(\w+)'", listed))
    assert said <= {what.value for what in What}


def test_every_stored_unit_is_one_of_grafana() -> None:
    assert set(UNITS) == {*STORED_UNIT.values(), "h"}


def test_a_measurement_that_nobody_writes_is_refused() -> None:
    with pytest.raises(ValueError, match="humidity"):
        over_time("mean", "humidity")


def test_a_gap_is_drawn_as_a_gap() -> None:
    for text in BOARDS.values():
        for panel in json.loads(text)["panels"]:
            if panel["type"] != "timeseries":
                continue
            custom = panel["fieldConfig"]["defaults"].get("custom", {})
            assert custom.get("spanNulls", False) is False
            for target in panel["targets"]:
                assert not re.search(r"fill\((previous|linear)\)", target.get("query", ""))


def test_no_band_of_quality_goes_on_where_nothing_was_read() -> None:
    texts = [
        target["query"]
        for text in BOARDS.values()
        for panel in json.loads(text)["panels"]
        if panel["type"] == "state-timeline"
        for target in panel["targets"]
        if "query" in target
    ]
    assert texts
    assert [text for text in texts if "fill(null)" not in text] == []


def test_points_of_queries_that_skip_what_is_not_known_are_not_joined_over_it() -> None:
    skipping = [
        (panel["title"], panel["fieldConfig"]["defaults"]["custom"].get("insertNulls"))
        for text in BOARDS.values()
        for panel in json.loads(text)["panels"]
        if panel["type"] == "timeseries"
        and panel["fieldConfig"]["defaults"]["custom"].get("drawStyle") != "bars"
        and any("fill(none)" in target.get("query", "") for target in panel["targets"])
    ]
    # In milliseconds: two of its spans of an hour, and three of ten minutes.
    assert skipping == [
        ("Change of level in a day", 7_200_000),
        ("Hours to empty, as it fell in the last six", 1_800_000),
    ]


def test_the_collectors_own_channels_are_all_watched() -> None:
    text = BOARDS["culturewatch-collector.json"]
    assert [key for key in LAYOUT.keys if key not in text] == []


def _sources(node: Any) -> list[dict[str, str]]:  # noqa: ANN401 # whatever JSON holds
    if isinstance(node, list):
        return [found for one in node for found in _sources(one)]
    if not isinstance(node, dict):
        return []
    own = [node["datasource"]] if isinstance(node.get("datasource"), dict) else []
    return own + [found for one in node.values() for found in _sources(one)]
