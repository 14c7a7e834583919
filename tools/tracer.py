"""Which lines of some code a test runs."""

import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

Local = Callable[[FrameType, str, object], Any]
"""What the interpreter calls for each line of a function."""


class Tracer:
    """Notes which lines of the code in a folder run; files are named as below ``root``."""

    def __init__(self, folder: Path, root: Path) -> None:
        self._folder = folder
        self._root = root
        self._lines: dict[str, set[int]] = defaultdict(set)
        self._local: dict[CodeType, Local | None] = {}

    def seen_by(self, run: Callable[[], object]) -> set[tuple[str, int]]:
        """File and number of each line that runs."""
        for lines in self._lines.values():
            lines.clear()
        sys.settrace(self._called)
        run()
        sys.settrace(None)
        return {(name, line) for name, lines in self._lines.items() for line in lines}

    def _called(self, frame: FrameType, event: str, arg: object) -> Local | None:
        """What the interpreter calls for each call; the answer it calls for each line."""
        try:
            local = self._local[frame.f_code]
        except KeyError:
            local = self._local[frame.f_code] = self._noting(frame.f_code)
        return None if local is None else local(frame, event, arg)

    def _noting(self, code: CodeType) -> Local | None:
        path = Path(code.co_filename)
        if not path.is_relative_to(self._folder):
            return None
        note = self._lines[path.relative_to(self._root).as_posix()].add

        def local(frame: FrameType, _event: str, _arg: object) -> Local:
            note(frame.f_lineno)
            return local

        return local
