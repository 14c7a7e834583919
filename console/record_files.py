"""Records to take along: the pages, the signed pages, and the whole folder in one file."""

import asyncio
import zipfile
from collections.abc import Iterator
from http import HTTPStatus
from io import RawIOBase
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, RedirectResponse, StreamingResponse
from starlette.exceptions import HTTPException

from batches.authority import Denied
from batches.export import manifest
from batches.signing import SIGNED_PAPER
from batches.trail import Note
from console.entrance import Entrance, Visitor
from console.login_pages import to_login
from console.record_desk import RecordDesk
from console.records import Version
from console.sight import BlindError
from storage.database import DatabaseError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

WHOLE = "record.zip"
_PAGES = (manifest.PAPER, SIGNED_PAPER)
_PIECE = 256 * 1024


class RecordFiles:
    """Gives the files of records to people who are logged in and may have copies."""

    def __init__(self, desk: RecordDesk, entrance: Entrance, cookie: str) -> None:
        self._desk = desk
        self._entrance = entrance
        self._cookie = cookie

    def serve_on(self, app: FastAPI) -> None:
        """Add the routes."""
        app.add_api_route("/records/{subject}/{number}/{name}", self.give, methods=["GET"])

    async def give(self, request: Request, subject: str, number: int, name: str) -> Response:
        """A file of version ``number``; that somebody took it is in the audit trail."""
        try:
            return await self._given(request, subject, number, name)
        except DatabaseError as error:
            raise BlindError(str(error)) from error

    async def _given(self, request: Request, subject: str, number: int, name: str) -> Response:
        visitor = await self._entrance.visitor(request.cookies.get(self._cookie, ""))
        if visitor is None:
            return RedirectResponse(to_login(request.url.path), HTTPStatus.SEE_OTHER)
        if name not in (*_PAGES, WHOLE):
            raise HTTPException(HTTPStatus.NOT_FOUND)
        try:
            folder = await asyncio.to_thread(self._taken, visitor, subject, number, name)
        except Denied as error:
            raise HTTPException(HTTPStatus.FORBIDDEN, str(error)) from error
        called = f"{subject}-{number}-{name}"
        if name != WHOLE:
            return FileResponse(folder / name, media_type="application/pdf", filename=called)
        return StreamingResponse(
            zipped(folder, f"{subject}-{number}"),
            media_type="application/zip",
            headers={"Content-Disposition": f'attachment; filename="{called}"'},
        )

    def _taken(self, visitor: Visitor, subject: str, number: int, name: str) -> Path:
        ledger, by = self._entrance.ledger, visitor.person.id
        ledger.authorise("export", subject, by)
        version = next((v for v in self._desk.versions(subject) if v.number == number), None)
        folder = None if version is None else _with(version, name)
        if version is None or folder is None:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        note = Note(
            kind="export",
            by=by,
            subject=f"record of {subject}",
            area="export",
            item=f"version {number}: {name}",
            outcome="taken along",
            new=version.manifest,
        )
        ledger.note(note)
        return folder


def _with(version: Version, name: str) -> Path | None:
    folder = version.folder
    return folder if folder is not None and (name == WHOLE or (folder / name).is_file()) else None


def zipped(folder: Path, root: str) -> Iterator[bytes]:
    """The files of ``folder`` below ``root`` in a ZIP, as it is made; no more than a piece is held.

    Raises:
        OSError: a file cannot be read; the ZIP then has no end and cannot be opened.
    """
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as made:
        for path in sorted(each for each in folder.iterdir() if manifest.is_plain(each)):
            with (
                made.open(f"{root}/{path.name}", "w", force_zip64=True) as to,
                path.open("rb") as one,
            ):
                while piece := one.read(_PIECE):
                    to.write(piece)
                    yield sink.taken()
    yield sink.taken()


class _Sink(RawIOBase):
    """A file that can only be written to, and is emptied on the way."""

    def __init__(self) -> None:
        super().__init__()
        self._held = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: "ReadableBuffer", /) -> int:
        view = memoryview(data)
        self._held += view
        return view.nbytes

    def taken(self) -> bytes:
        """What was written since the last time."""
        held = bytes(self._held)
        self._held.clear()
        return held
