"""The documents as pages: built without a warning, and read without anybody else's server."""

import re
import subprocess
import sys
from pathlib import Path

from tools.documents import ROOT

_FETCHED = re.compile(
    r"""<(?:script|img|iframe|source)[^>]+src=["'](?:https?:)?//[^"']+"""
    r"""|<link[^>]+rel=["'](?:stylesheet|preconnect|preload|icon)["'][^>]+href=["'](?:https?:)?//"""
    r"""|@import\s+(?:url\()?["']?(?:https?:)?//|url\(["']?(?:https?:)?//""",
    re.IGNORECASE,
)


def test_the_pages_are_whole_and_fetch_nothing(tmp_path: Path) -> None:
    done = subprocess.run(  # noqa: S603 # mkdocs
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) > 40
    for path in (*pages, *tmp_path.rglob("*.css")):
        assert _FETCHED.findall(path.read_text(encoding="utf-8")) == [], path
