"""Keeps in the audit trail what a site runs with: which value was changed, from what to what.

The first entry holds every value, each later one a value that differs; secrets and people's
addresses stand there as a keyed fingerprint, which tells that one changed and nothing else. Rules
are those in force, shipped ones too: a new version of the program may change a limit as well.
"""

import asyncio
import hmac
import json
import logging
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec
from sqlalchemy import Connection, select

from alerts.rulebook import Rulebook, encode
from alerts.token import KeyFileError, load_key
from batches import trail
from batches.ledger import Ledger
from batches.person import SOFTWARE
from batches.trail import Note
from culturewatch import paths
from culturewatch.parts import VERSION
from culturewatch.site import Site
from storage import schema
from storage.database import DatabaseError

log = logging.getLogger(__name__)

ALL, FILES = "all values", "files"
KIND = "configuration"
START = "start"
AGAIN_S = 60.0
_SECRET = re.compile(r"password|secret|token|credential|api_?key|user_?key|\bpin\b", re.IGNORECASE)
_TELLING_URL = re.compile(r"://([^/\s]*@|\S*[?#])")
_PRIVATE = ("addresses", "beat.url", "oidc.people")


class Configured:
    """The core's part that writes it down, once a start or when it was read anew.

    The ledger may be away for a while. ``occasion`` is what brought the configuration.
    """

    def __init__(
        self,
        site: Site,
        book: Rulebook,
        *,
        on_trouble: Callable[[str], None],
        occasion: str = START,
    ) -> None:
        self._occasion = occasion
        self._site = site
        self._book = book
        self._on_trouble = on_trouble

    async def run(self) -> None:
        """Write it down, and try again until that is done."""
        failing = False
        while True:
            try:
                await asyncio.to_thread(keep, self._site, self._book, self._occasion)
            except (DatabaseError, KeyFileError, OSError) as error:
                if not failing:
                    self._on_trouble(f"what this site runs with is not in the audit trail: {error}")
                failing = True
            else:
                return
            await asyncio.sleep(AGAIN_S)


def keep(site: Site, book: Rulebook, occasion: str = START) -> None:
    """Enter what differs from what the site ran with before; nothing when nothing does.

    Raises:
        DatabaseError: the ledger cannot be written.
        KeyFileError: the key of the fingerprints cannot be used.
        OSError: a file of the site cannot be read any more.
    """
    site.data.mkdir(parents=True, exist_ok=True)
    key = load_key(paths.session_key(site.data), {})
    now = values(site, book, key)
    ledger = Ledger(site.ledger_url)
    with ledger.database.writing() as connection:
        digest, before = _last(connection)
        for note in _notes(site, (digest, before), (site.digest, now), occasion):
            trail.keep(connection, note, at=ledger.clerk.now())
    if not ledger.has_people():
        log.warning(
            "the ledger knows no people, so whoever types an act is believed to be who they say; "
            "begin with culturewatch user bootstrap"
        )
    ledger.database.close()


def values(site: Site, book: Rulebook, key: bytes) -> dict[str, str]:
    """Every value of the site's files and every rule in force, by its path, as JSON."""
    base, file = site.base, site.file.site
    told: dict[str, str] = {"software": json.dumps(VERSION)}
    parts = [site.path, *sorted((base / file.devices).glob("*.toml"))]
    for path in parts:
        told |= _flat(tomllib.loads(_text(path)), "", key)
    for path in sorted((base / file.profiles).glob("*.toml")):
        told |= _flat(tomllib.loads(_text(path)), f"{file.profiles}/{path.name}", key)
    rules = msgspec.json.decode(encode(book))["rules"]
    return told | _flat({"rule": rules}, "", key)


def changes(
    before: Mapping[str, str], now: Mapping[str, str]
) -> Iterator[tuple[str, str | None, str | None]]:
    """Each path whose value differs, with both; None where there is none."""
    for path in sorted(before.keys() | now.keys()):
        old, new = before.get(path), now.get(path)
        if old != new:
            yield path, old, new


def _notes(
    site: Site,
    before: tuple[str | None, dict[str, str] | None],
    now: tuple[str, dict[str, str]],
    occasion: str,
) -> Iterator[Note]:
    def note(item: str, outcome: str, old: str | None, new: str | None) -> Note:
        return Note(
            kind=KIND,
            by=SOFTWARE,
            subject=site.file.site.id,
            area=KIND,
            item=item,
            outcome=outcome,
            old=old,
            new=new,
        )

    if before[1] is None:
        yield note(FILES, "first start", None, now[0])
        yield note(ALL, "first start", None, msgspec.json.encode(now[1], order="sorted").decode())
        return
    differing = list(changes(before[1], now[1]))
    if differing or before[0] != now[0]:
        yield note(FILES, f"{occasion} with {len(differing)} changed values", before[0], now[0])
    for path, old, new in differing:
        yield note(path, "changed" if old and new else ("added" if new else "removed"), old, new)


def _last(connection: Connection) -> tuple[str | None, dict[str, str] | None]:
    """What the site ran with last: the digest of its files, and every value."""
    audit, act = schema.audit.c, schema.act.c
    query = (
        select(audit.item, audit.new)
        .join(schema.act, act.sequence == audit.sequence)
        .where(act.kind == KIND)
        .order_by(audit.sequence)
    )
    digest: str | None = None
    held: dict[str, str] | None = None
    for item, new in connection.execute(query):
        if item == FILES:
            digest = new
        elif item == ALL:
            held = msgspec.json.decode(new, type=dict[str, str])
        elif held is not None and new is None:
            held.pop(item, None)
        elif held is not None:
            held[item] = new
    return digest, held


def _text(path: Path) -> str:
    # As devices.document reads it, with the mark that some editors begin a file with.
    return path.read_text(encoding="utf-8").removeprefix("\ufeff")


def _flat(value: object, path: str, key: bytes) -> dict[str, str]:
    if isinstance(value, dict):
        inside = ((f"{path}.{name}" if path else str(name), each) for name, each in value.items())
    elif isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
        inside = ((f"{path}[{_called(each, n)}]", each) for n, each in enumerate(value))
    else:
        return {trail.shown(path): _told(path, json.dumps(value, default=str), key)}
    found: dict[str, str] = {}
    for name, each in inside:
        found |= _flat(each, name, key)
    return found


def _called(table: dict[str, object], number: int) -> object:
    """By its own name, so that one that is put in between changes no other."""
    return table.get("id") or table.get("key") or number


def _told(path: str, text: str, key: bytes) -> str:
    last = path.rpartition(".")[2]
    private = any(part in path for part in _PRIVATE)
    if not (private or _SECRET.search(last) or _TELLING_URL.search(text)):
        return text
    mark = hmac.new(key, f"{path}\0{text}".encode(), "sha256").hexdigest()[:12]
    return f"(hidden {mark})"
