"""Check hashes and seals of a record with Python alone (3.8 or newer): no network, no server.

    python3 verify_record.py [FOLDER]

Without FOLDER, the one in which this program lies. Exit 0: every byte is as it was written.
Exit 1: something was changed; the lines with WRONG say what and where. Exit 2: wrong use.

A program that comes together with the files it checks proves only that they fit together. Compare
the SHA-256 of manifest.json and that of the key, which it prints, with those that you have from
somewhere else; or take this program from a copy of culturewatch that you trust.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO
from zlib import crc32

MANIFEST = "manifest.json"
SCHEMA = "culturewatch.manifest/1"
PAPER, SIGNED_PAPER, SIGNATURES = "record.pdf", "record-signed.pdf", "signatures.json"
BESIDE = (SIGNED_PAPER, SIGNATURES)
SIGNATURES_SCHEMA = "culturewatch.signatures/1"
PRIME = (1 << 61) - 1
BLOCK = 1 << 20
CHUNKS_NAMED = 10
SOUND, CHANGED, WRONG_USE = 0, 1, 2
POINT_BYTES = 32
# Ed25519 (RFC 8032, 5.1): the field, the order of the base point, the constant of the curve, the
# root of -1, and the base point.
FIELD = (1 << 255) - 19
ORDER = (1 << 252) + 27742317777372353535851937790883648493
CURVE = -121665 * pow(121666, FIELD - 2, FIELD) % FIELD
ROOT = pow(2, (FIELD - 1) // 4, FIELD)
BASE = (4 * pow(5, FIELD - 2, FIELD) % FIELD).to_bytes(POINT_BYTES, "little")
SEALED = b"culturewatch.signature.1\n"
_SEAL = re.compile(rb'"seal": "([0-9a-f]{64})"\n\}\n\Z')


class DamagedError(Exception):
    """The manifest is not what was written; nothing can be checked by it."""


def main(arguments: list[str]) -> int:
    """Check the folder that ``arguments`` name; the exit code."""
    if len(arguments) > 1 or arguments[:1] in (["-h"], ["--help"]):
        sys.stdout.write(__doc__ or "")
        return WRONG_USE
    folder = Path(arguments[0]) if arguments else Path(__file__).resolve().parent
    if not folder.is_dir():
        sys.stdout.write(f"{_shown(str(folder))}: is no folder\n")
        return WRONG_USE
    wrong = False
    for mark, sentence in check(folder):
        wrong = wrong or mark == "WRONG"
        sys.stdout.write(f"{mark:6} {_shown(sentence)}\n")
    whole = "NOT as it was written" if wrong else "nothing was changed"
    sys.stdout.write(f"{_shown(str(folder))}: {whole}\n")
    return CHANGED if wrong else SOUND


def check(folder: Path) -> Iterator[tuple[str, str]]:
    """What is found in ``folder``, as it is found: a mark and a sentence."""
    try:
        listed, digest = _manifest(folder / MANIFEST)
    except DamagedError as error:
        yield "WRONG", f"{MANIFEST}: {error}"
        return
    yield "ok", f"{MANIFEST} of record {listed['record']} matches its seal; SHA-256 {digest}"
    files = listed["files"]
    for name in sorted(files):
        yield from _file(folder, name, files[name])
    for name in sorted(path.name for path in folder.iterdir()):
        if name not in (MANIFEST, *BESIDE) and name not in files:
            yield "WRONG", f"{name}: is not part of the record; it was added"
    yield from _signatures(folder, listed["record"], digest)


def _signatures(folder: Path, record: str, digest: str) -> Iterator[tuple[str, str]]:
    """The chain of the signatures, which begins with the hash of the manifest."""
    given: list[dict[str, Any]] = []
    if _lies_there(folder / SIGNATURES):
        try:
            given = _chain(_decoded(folder / SIGNATURES), record, digest)
            paper, key = given[-1]["paper"], bytes.fromhex(given[-1]["key"])
            told = [f"{g['step']} by {g['name']} ({g['person']}): {g['meaning']}" for g in given]
        except DamagedError as error:
            yield "WRONG", f"{SIGNATURES}: {error}"
            return
        except (
            OSError,
            LookupError,
            TypeError,
            AttributeError,
            ValueError,
            RecursionError,
        ) as error:
            yield "WRONG", f"{SIGNATURES}: was changed: {error}"
            return
        for each in told:
            yield "ok", f"{SIGNATURES}: {each}"
        print_ = hashlib.sha256(key).hexdigest()
        yield "ok", f"{SIGNATURES}: sealed by the key with SHA-256 {print_}; compare it"
    yield from _signed_paper(folder, paper if given else "")


def _chain(found: dict[str, Any], record: str, digest: str) -> list[dict[str, Any]]:
    given: list[dict[str, Any]] = found["signatures"]
    if found["schema"] != SIGNATURES_SCHEMA or not given:
        raise DamagedError("was changed: its schema or its signatures are gone")
    if (found["record"], found["manifest"]) != (record, digest):
        raise DamagedError("is of another record")
    before = digest
    for place, each in enumerate(given, start=1):
        if each["previous"] != before or each["number"] != place:
            raise DamagedError(f"signature {place} does not follow what stands before it")
        if _linked(each) != each["hash"]:
            raise DamagedError(f"signature {place} was changed: it does not match its own hash")
        if each["key"] != given[0]["key"] or not _is_sealed(each):
            raise DamagedError(f"signature {place} was not sealed by the key it names")
        before = each["hash"]
    return given


def _is_sealed(each: dict[str, Any]) -> bool:
    key, seal = bytes.fromhex(each["key"]), bytes.fromhex(each["seal"])
    return is_signed(key, seal, SEALED + each["hash"].encode())


def is_signed(key: bytes, seal: bytes, message: bytes) -> bool:
    """Whether ``seal`` is the Ed25519 signature of ``message`` by ``key``: RFC 8032, 5.1.7."""
    if len(key) != POINT_BYTES or len(seal) != 2 * POINT_BYTES:
        return False
    random, scalar = seal[:POINT_BYTES], int.from_bytes(seal[POINT_BYTES:], "little")
    points = [_point(data) for data in (key, random, BASE)]
    if scalar >= ORDER or not all(points):
        return False
    public, commitment, base = points
    digest = int.from_bytes(hashlib.sha512(random + key + message).digest(), "little")
    wanted = _sum(commitment, _times(digest % ORDER, public))
    found = _times(scalar, base)
    # Both are x / z and y / z.
    return all((found[n] * wanted[2] - wanted[n] * found[2]) % FIELD == 0 for n in (0, 1))


def _point(data: bytes) -> Sequence[int]:
    """What 32 bytes encode, nothing if that is no point of the curve: RFC 8032, 5.1.3."""
    number = int.from_bytes(data, "little")
    y, odd = number & ((1 << 255) - 1), number >> 255
    if y >= FIELD:
        return ()
    square = (y * y - 1) * pow(CURVE * y * y + 1, FIELD - 2, FIELD) % FIELD
    x = pow(square, (FIELD + 3) // 8, FIELD)
    if (x * x - square) % FIELD:
        x = x * ROOT % FIELD
    if (x * x - square) % FIELD or (not x and odd):
        return ()
    x = FIELD - x if x & 1 != odd else x
    return x, y, 1, x * y % FIELD


def _sum(one: Sequence[int], other: Sequence[int]) -> Sequence[int]:
    """RFC 8032, 5.1.4."""
    a = (one[1] - one[0]) * (other[1] - other[0]) % FIELD
    b = (one[1] + one[0]) * (other[1] + other[0]) % FIELD
    c = 2 * one[3] * other[3] * CURVE % FIELD
    d = 2 * one[2] * other[2] % FIELD
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % FIELD, g * h % FIELD, f * g % FIELD, e * h % FIELD


def _times(scalar: int, point: Sequence[int]) -> Sequence[int]:
    found: Sequence[int] = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            found = _sum(found, point)
        point = _sum(point, point)
        scalar >>= 1
    return found


def _signed_paper(folder: Path, wanted: str) -> Iterator[tuple[str, str]]:
    path = folder / SIGNED_PAPER
    if not _lies_there(path):
        if wanted:
            yield "WRONG", f"{SIGNED_PAPER}: is missing"
        return
    if not _is_plain(path):
        yield "WRONG", f"{SIGNED_PAPER}: is not a file of this folder"
        return
    try:
        pages = path.read_bytes()
        original = (folder / PAPER).read_bytes() if _is_plain(folder / PAPER) else None
    except OSError as error:
        yield "WRONG", f"{SIGNED_PAPER}: cannot be read, or {PAPER} cannot: {error.strerror}"
        return
    if hashlib.sha256(pages).hexdigest() != wanted:
        yield "WRONG", f"{SIGNED_PAPER}: is not the copy that the last signature names"
    elif original is None or not pages.startswith(original):
        yield "WRONG", f"{SIGNED_PAPER}: does not begin with the bytes of {PAPER}"
    else:
        yield "ok", f"{SIGNED_PAPER}: SHA-256 {wanted}; it begins with the bytes of {PAPER}"


def _decoded(path: Path) -> dict[str, Any]:
    """What the signatures say, if they are spelt as they were written: keys sorted, one space."""
    if not _is_plain(path):
        raise DamagedError("is not a file of this folder")
    data = path.read_bytes()
    found = json.loads(data.decode("utf-8"))
    spelt = json.dumps(found, sort_keys=True, ensure_ascii=False, indent=1)
    if spelt.encode() + b"\n" != data or not isinstance(found, dict):
        raise DamagedError("was changed: it is not spelt as it was written")
    return found


def _linked(each: dict[str, Any]) -> str:
    said = {name: value for name, value in each.items() if name not in ("hash", "seal")}
    body = json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(f"{each['previous']}\n{body}".encode()).hexdigest()


def _manifest(path: Path) -> tuple[dict[str, Any], str]:
    """What the manifest says, and its SHA-256; its seal covers all of it but the seal itself."""
    if not _lies_there(path):
        raise DamagedError("is missing; without it nothing can be checked")
    if not _is_plain(path):
        raise DamagedError("is not a file of this folder")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DamagedError(f"cannot be read: {error.strerror}") from error
    _check_seal(data)
    try:
        listed = json.loads(data.decode("utf-8"))
        schema = listed["schema"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DamagedError(f"is damaged: {error}") from error
    if schema != SCHEMA:
        raise DamagedError(f"is of schema {schema!r}; this program knows {SCHEMA!r}")
    if not _is_list_of_files(listed):
        raise DamagedError("is damaged: it is no list of a record's files")
    return listed, hashlib.sha256(data).hexdigest()


def _check_seal(data: bytes) -> None:
    found = _SEAL.search(data)
    if found is None:
        raise DamagedError("was changed: its seal is not where it was written")
    unsealed = data[: found.start(1)] + data[found.end(1) :]
    if hashlib.sha256(unsealed).hexdigest().encode() != found.group(1):
        raise DamagedError("was changed: it does not match its own seal")


def _is_list_of_files(listed: dict[str, Any]) -> bool:
    """Whether what is read of it is there: whoever writes a manifest can seal it as well."""
    try:
        files: dict[str, Any] = listed["files"]
        chunks = [chunk for each in files.values() for chunk in each["chunks"]]
        numbers = [each["size"] for each in files.values()]
        numbers += [c[n] for c in chunks for n in ("first", "rows", "size", "checks", "moments")]
        texts = [listed["record"], *(each["sha256"] for each in (*files.values(), *chunks))]
    except (KeyError, TypeError, AttributeError):
        return False
    return all(type(n) is int and 0 <= n < 1 << 62 for n in numbers) and all(
        type(text) is str for text in texts
    )


def _file(folder: Path, name: str, listed: dict[str, Any]) -> Iterator[tuple[str, str]]:
    path = folder / name
    if path.name != name or not name.isprintable():
        yield "WRONG", f"{name!r}: is not a file of this folder"
        return
    try:
        if not _lies_there(path):
            yield "WRONG", f"{name}: is missing"
            return
        if not _is_plain(path):
            yield "WRONG", f"{name}: is not a file of this folder"
            return
        with path.open("rb") as file:
            yield from _bytes(file, name, listed)
    except OSError as error:
        yield "WRONG", f"{name}: cannot be read: {error.strerror}"


def _bytes(file: BinaryIO, name: str, listed: dict[str, Any]) -> Iterator[tuple[str, str]]:
    whole, size = hashlib.sha256(), 0
    while True:
        block = file.read(BLOCK)
        if not block:
            break
        whole.update(block)
        size += len(block)
    expected, actual = listed["sha256"], whole.hexdigest()
    if actual == expected and size == listed["size"]:
        yield "ok", f"{name}: {size} bytes, SHA-256 {actual}"
        return
    what = "was changed"
    if size != listed["size"]:
        what = f"was changed: it has {size} bytes instead of {listed['size']}"
    yield "WRONG", f"{name}: {what} (expected {expected}, found {actual})"
    file.seek(0)
    for where in _chunks(file, listed["chunks"], size, shifted=size != listed["size"]):
        yield "WRONG", f"{name}: {where}"


def _chunks(
    file: BinaryIO, chunks: list[dict[str, Any]], size: int, *, shifted: bool
) -> Iterator[str]:
    """Which rows of a table changed; only the first place when bytes were put in or taken out."""
    named = 0
    for chunk in chunks:
        # Whoever wrote another manifest may say any size.
        data = file.read(min(chunk["size"], size))
        if len(data) == chunk["size"] and hashlib.sha256(data).hexdigest() == chunk["sha256"]:
            continue
        last = chunk["first"] + chunk["rows"] - 1
        if shifted:
            yield f"differs from somewhere in rows {chunk['first']} to {last} on"
            return
        row = _changed_row(chunk, data.splitlines(keepends=True))
        if row is None:
            yield f"differs somewhere in rows {chunk['first']} to {last}"
        else:
            yield "the heading was changed" if row == 0 else f"row {row} was changed"
        named += 1
        if named == CHUNKS_NAMED:
            return


def _changed_row(chunk: dict[str, Any], rows: list[bytes]) -> int | None:
    """The number of the one row that changed; None when it was not just one.

    ``checks`` is the sum of the rows' CRC-32, ``moments`` that of each times its place in the
    chunk (from 1), both modulo ``PRIME``: of one changed row the quotient of the two differences
    is the place.
    """
    if len(rows) != chunk["rows"]:
        return None
    marks = [crc32(row) for row in rows]
    change = (sum(marks) - chunk["checks"]) % PRIME
    if not change:
        return None
    moments = sum(place * mark for place, mark in enumerate(marks, start=1))
    place = (moments - chunk["moments"]) * pow(change, -1, PRIME) % PRIME
    return int(chunk["first"] + place - 1) if 1 <= place <= chunk["rows"] else None


def _lies_there(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _is_plain(path: Path) -> bool:
    """Whether a file lies there itself: no link to another, and no pipe, which never ends."""
    return path.is_file() and not path.is_symlink()


def _shown(text: str) -> str:
    """``text`` as one line that no terminal obeys and every output can hold."""
    plain = text if text.isprintable() else ascii(text)
    encoding = sys.stdout.encoding or "ascii"
    return plain.encode(encoding, "backslashreplace").decode(encoding)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
