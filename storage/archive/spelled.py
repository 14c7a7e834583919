"""Rows that are stored short spelled out many at once, as ``storage.short`` does one by one."""

from collections.abc import Sequence

import numpy as np

from storage.archive.columns import plain_kind
from storage.pack import MARKED
from storage.reader import Row
from storage.short import FLAGS, FORM, LETTERS, PARTS


def spelled_out(rows: Sequence[Row], width: int) -> list[Row]:
    """``rows`` with those of ``width`` values, all good, as they were before they were stored.

    Others, and damaged ones, stay as they are.
    """
    found = list(rows)
    for form, places in _by_form(rows, width).items():
        short = np.frombuffer(b"".join(rows[n][4] for n in places), _kind(form, width))
        whole = np.zeros(len(places), plain_kind(width))
        at = np.array([rows[n][2] for n in places], np.int64)
        whole["received"] = at + short["late"]
        whole["flags"] = short["flags"] & FLAGS
        whole["values"] = short["values"]
        if form in PARTS:
            whole["values"] /= PARTS[form]
        size, spelled = whole.itemsize, whole.tobytes()
        for n, begin in zip(places, range(0, len(spelled), size), strict=True):
            seq, layout, time, crc, _ = rows[n]
            found[n] = seq, layout, time, ~crc, spelled[begin : begin + size]
    return found


def _kind(form: int, width: int) -> np.dtype[np.void]:
    return np.dtype([("flags", "u1"), ("late", "<u2"), ("values", f"<{LETTERS[form]}", (width,))])


def _by_form(rows: Sequence[Row], width: int) -> dict[int, list[int]]:
    """Places of short rows that have no marks, by how their values are stored."""
    sizes = {form: _kind(form, width).itemsize for form in range(len(LETTERS))}
    found: dict[int, list[int]] = {}
    for n, (_, _, at, crc, packed) in enumerate(rows):
        # Damage may be in any of them.
        if type(crc) is int and crc < 0 and type(packed) is bytes and packed and type(at) is int:
            flags = packed[0]
            form = flags >> FORM
            if not flags & MARKED and len(packed) == sizes.get(form):
                found.setdefault(form, []).append(n)
    return found
