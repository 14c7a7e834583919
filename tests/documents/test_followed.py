"""What the documents tell people to type is typed, and does what they say."""

from pathlib import Path

import pytest

from tests.documents.session import follow
from tools.documents import ROOT, blocks, pages

PAGES = [path for path in pages() if any(b.mark and b.mark.word == "run" for b in blocks(path))]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_can_be_followed(page: Path, tmp_path: Path) -> None:
    follow(blocks(page), tmp_path)


def test_the_tutorial_and_the_guides_are_followed() -> None:
    followed = {str(path.relative_to(ROOT / "docs")) for path in PAGES}
    assert "tutorial.md" in followed
    assert len([name for name in followed if name.startswith("how-to/")]) >= 8
