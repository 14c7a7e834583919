"""Dashboards and finished excursions into a Grafana: the one door to grafana-client."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from grafana_client.api import GrafanaApi
from grafana_client.client import GrafanaClientError, GrafanaException

from alerts.reader import Recorded
from alerts.transition import DRILL, What
from culturewatch.site import SiteError

FOLDER = "culturewatch"
TAG = "culturewatch"
TIMEOUT_S = 15.0
MOST = 5_000
_NOT_FOUND = 404
_ENDS = frozenset({What.CLEAR, What.CLOSED, What.CANCELLED, What.REMOVED})


_FAULTS = (GrafanaException, OSError, ValueError)
_STRANGE = "it answered as no Grafana does"


class GrafanaError(Exception):
    """Grafana did not take it; the text says what, why, and what to do."""


class Region(msgspec.Struct, frozen=True, kw_only=True):
    """An excursion that is over, as an annotation. Times are epoch milliseconds, UTC."""

    start: int
    end: int
    text: str
    tags: tuple[str, ...]


def dashboards() -> Mapping[str, dict[str, Any]]:
    """The dashboards by their uid, from the installed package, or beside it in a clone.

    Raises:
        SiteError: they are missing from this installation.
    """
    here = Path(__file__).parent
    places = (here / "dashboards", here.parent / "dashboards" / "json")
    found = [path for place in places for path in sorted(place.glob("*.json"))]
    if not found:
        raise SiteError(["the dashboards are missing from this installation; run in a clone"])
    read = [json.loads(path.read_text(encoding="utf-8")) for path in found]
    return {one["uid"]: one for one in read}


def regions(history: Iterable[Recorded]) -> tuple[Region, ...]:
    """The excursions of a history that are over, void ones and drills left out."""
    begun: dict[tuple[str, int], int] = {}
    over: dict[tuple[str, int], Region] = {}
    for said in sorted((row.transition for row in history), key=lambda one: one.at):
        if said.occurrence is None or said.rule.startswith(DRILL):
            continue
        key = said.rule, said.occurrence
        if said.what is What.SET:
            begun.setdefault(key, said.at)
        elif said.what is What.VOID:
            begun.pop(key, None)
            over.pop(key, None)
        elif said.what in _ENDS and key in begun:
            over[key] = Region(
                start=begun[key],
                end=said.at,
                text=f"{said.channel}: {said.rule}",
                tags=(TAG, f"alarm:{said.rule}#{said.occurrence}", said.severity or "ended"),
            )
    return tuple(over.values())


class Grafana:
    """A Grafana at ``url``, with a service account's token."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._api = GrafanaApi.from_url(url=url, credential=token, timeout=TIMEOUT_S)

    def push(self, boards: Mapping[str, dict[str, Any]]) -> tuple[str, ...]:
        """Put the dashboards into the folder, over those of the same uid; their addresses.

        Raises:
            GrafanaError: one was not taken; those before it were.
        """
        self._make_folder()
        addresses = []
        for uid, board in boards.items():
            try:
                answer = self._api.dashboard.update_dashboard(
                    {
                        "dashboard": board,
                        "folderUid": FOLDER,
                        "overwrite": True,
                        "message": "culturewatch grafana push",
                    }
                )
            except _FAULTS as error:
                raise self._failure(f"dashboard {uid}", error) from error
            if not isinstance(answer, dict) or "url" not in answer:
                raise self._failure(f"dashboard {uid}", _STRANGE)
            addresses.append(str(answer["url"]))
        return tuple(addresses)

    def annotate(self, found: Iterable[Region]) -> int:
        """Draw the regions that are not drawn yet; how many those were.

        Raises:
            GrafanaError: one was not taken; those before it were.
        """
        wanted = list(found)
        if not wanted:
            return 0
        try:
            first, last = min(one.start for one in wanted), max(one.end for one in wanted)
            drawn = self._api.annotations.find_annotations(
                time_from=first, time_to=last, tags=[TAG], limit=MOST
            )
            if not isinstance(drawn, list):
                raise self._failure("an annotation", _STRANGE)
            if len(drawn) >= MOST:
                raise self._failure("an annotation", "too many to compare; say --since later")
            known = {tag for one in drawn for tag in one["tags"] if tag.startswith("alarm:")}
            fresh = [one for one in wanted if not known & set(one.tags)]
            for one in fresh:
                self._api.annotations.add_annotation(
                    time_from=one.start, time_to=one.end, tags=list(one.tags), text=one.text
                )
        except _FAULTS as error:
            raise self._failure("an annotation", error) from error
        return len(fresh)

    def _make_folder(self) -> None:
        try:
            self._api.folder.get_folder(FOLDER)
        except GrafanaClientError as error:
            if error.status_code != _NOT_FOUND:
                raise self._failure(f"folder {FOLDER}", error) from error
        except _FAULTS as error:
            raise self._failure(f"folder {FOLDER}", error) from error
        else:
            return
        try:
            self._api.folder.create_folder(FOLDER, uid=FOLDER)
        except _FAULTS as error:
            raise self._failure(f"folder {FOLDER}", error) from error

    def _failure(self, what: str, error: Exception | str) -> GrafanaError:
        return GrafanaError(
            f"{self._url}: {what} was not taken: {error}; look at the address, and whether the "
            "token's service account is an editor"
        )
