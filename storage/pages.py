"""Rows read straight from the pages of an SQLite file, for when SQLite itself cannot.

The layout is that of https://www.sqlite.org/fileformat2.html, sections 1.6 (b-tree pages), 2.1
(record format) and 4.1 (write-ahead log). Rows are taken from every leaf page of a table wherever
it stands, so a damaged page costs no more than its own rows. Nothing here vouches for a row: what
it says is for its checksum to confirm.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from struct import error as struct_error
from struct import unpack_from

PAGE = 4096
_TABLE_LEAF = 0x0D
_WAL_HEAD, _FRAME_HEAD = 32, 24
_WAL_MAGIC = b"\x37\x7f\x06"
_WHOLE = PAGE - 35
"""A payload up to this many bytes has no overflow pages."""
_LEAST = (PAGE - 12) * 32 // 255 - 23
_INTEGER_BYTES = (0, 1, 2, 3, 4, 6, 8)
_REAL, _ZERO, _ONE, _BLOB = 7, 8, 9, 12

Value = int | float | bytes | str | None
Row = tuple[int, list[Value]]
"""Row number and columns."""


def rows(path: Path) -> Iterator[Row]:
    """Every row that can be made out in the file and in what was committed to its log.

    Raises:
        OSError: the file cannot be read.
    """
    pages = _Pages(path)
    for page in pages:
        yield from _rows_of(page, pages)


def logged_rows(path: Path) -> Iterator[Row]:
    """Every row that can be made out in the write-ahead log of the file.

    Raises:
        OSError: the file or its log cannot be read.
    """
    pages = _Pages(path)
    for page in pages.newer:
        yield from _rows_of(page, pages)


class _Pages:
    """The pages of a file as its last commit left them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._newer = _committed(path.with_name(f"{path.name}-wal"))
        self._count = -(-path.stat().st_size // PAGE) if path.exists() else 0

    @property
    def newer(self) -> Iterable[bytes]:
        """Those that stand in the log."""
        return self._newer.values()

    def __iter__(self) -> Iterator[bytes]:
        highest = max(self._newer, default=0)
        with self._path.open("rb") as file:
            for number in range(1, max(self._count, highest) + 1):
                page = file.read(PAGE)
                yield self._newer.get(number, page)

    def __getitem__(self, number: int) -> bytes:
        if number in self._newer:
            return self._newer[number]
        if not 0 < number <= self._count:
            raise ValueError(f"there is no page {number}")
        with self._path.open("rb") as file:
            file.seek((number - 1) * PAGE)
            return file.read(PAGE)


def _committed(wal: Path) -> dict[int, bytes]:
    """Pages in the log, up to its last commit; frames of an earlier round have another salt.

    SQLite stops at the first frame that is not as it was written. Here a damaged one costs no
    more than its own page.
    """
    if not wal.exists():
        return {}
    found: dict[int, bytes] = {}
    open_: dict[int, bytes] = {}
    with wal.open("rb") as file:
        head = file.read(_WAL_HEAD)
        salt = head[16:24] if _is_log_head(head) else None
        while len(frame := file.read(_FRAME_HEAD + PAGE)) == _FRAME_HEAD + PAGE:
            salt = salt or frame[8:16]
            if frame[8:16] != salt:
                continue
            number, commit = unpack_from(">II", frame)
            open_[number] = frame[_FRAME_HEAD:]
            if commit:
                found |= open_
                open_.clear()
    return found


def _is_log_head(head: bytes) -> bool:
    """Whether the log's first bytes match their checksum; without them, its first frame is new."""
    if len(head) < _WAL_HEAD or head[:3] != _WAL_MAGIC:
        return False
    low = high = 0
    words = unpack_from(">6I" if head[3] & 1 else "<6I", head)
    for first, second in zip(words[::2], words[1::2], strict=True):
        low = (low + first + high) & 0xFFFFFFFF
        high = (high + second + low) & 0xFFFFFFFF
    return unpack_from(">II", head, 24) == (low, high)


def _rows_of(page: bytes, pages: _Pages) -> Iterator[Row]:
    if len(page) < PAGE or page[0] != _TABLE_LEAF:
        return
    (count,) = unpack_from(">H", page, 3)
    if 8 + 2 * count > PAGE:
        return
    for pointer in unpack_from(f">{count}H", page, 8):
        try:
            yield _row(page, pointer, pages)
        except (IndexError, ValueError, struct_error):
            continue


def _row(page: bytes, at: int, pages: _Pages) -> Row:
    size, at = _varint(page, at)
    number, at = _varint(page, at)
    if size <= _WHOLE:
        payload = page[at : at + size]
    else:
        local = _LEAST + (size - _LEAST) % (PAGE - 4)
        local = local if local <= _WHOLE else _LEAST
        payload = page[at : at + local] + _overflow(page, at + local, size - local, pages)
    if len(payload) != size:
        raise ValueError("the row is cut")
    return number, _columns(payload)


def _overflow(page: bytes, at: int, size: int, pages: _Pages) -> bytes:
    parts = []
    (following,) = unpack_from(">I", page, at)
    while size > 0:
        part = pages[following]
        (following,) = unpack_from(">I", part)
        parts.append(part[4 : 4 + min(size, PAGE - 4)])
        size -= PAGE - 4
    return b"".join(parts)


def _columns(payload: bytes) -> list[Value]:
    end, at = _varint(payload, 0)
    kinds = []
    while at < end:
        kind, at = _varint(payload, at)
        kinds.append(kind)
    values: list[Value] = []
    for kind in kinds:
        value, at = _value(payload, at, kind)
        values.append(value)
    return values


def _value(payload: bytes, at: int, kind: int) -> tuple[Value, int]:
    if kind >= _BLOB:
        end = at + (kind - _BLOB) // 2
        raw = payload[at:end]
        return (raw.decode() if kind % 2 else raw), end
    if kind == 0:
        return None, at
    if kind in (_ZERO, _ONE):
        return kind - _ZERO, at
    if kind == _REAL:
        return unpack_from(">d", payload, at)[0], at + 8
    end = at + _INTEGER_BYTES[kind]
    return int.from_bytes(payload[at:end], "big", signed=True), end


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for step in range(8):
        byte = data[at + step]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:  # noqa: PLR2004 # the top bit says that another byte follows
            return value, at + step + 1
    return value << 8 | data[at + 8], at + 9
