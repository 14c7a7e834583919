"""Following a page: what does not do what it says is found."""

from pathlib import Path

import pytest

from tests.documents.session import follow
from tools.documents import blocks


def followed(text: str, folder: Path) -> None:
    page = folder / "page.md"
    page.write_text(text, encoding="utf-8")
    work = folder / "work"
    work.mkdir()
    follow(blocks(page, of=folder), work)


@pytest.mark.parametrize(
    ("mark", "typed", "why"),
    [
        ("run", "false", "exit 1"),
        ("run", "false | cat", "exit 1"),
        ("run", "false\necho behind", "exit 1"),
        ("run: exit 3", "exit 4", "exit 4"),
        ('run: prints "one"', "echo two", "no 'one' in\ntwo"),
        ('run: goes on; prints "ready"', "echo soon ready", "ended"),
        ("stop: sleep", "echo", "nothing like 'sleep' goes on"),
    ],
)
def test_what_does_not_do_what_it_says_fails(
    mark: str, typed: str, why: str, tmp_path: Path
) -> None:
    with pytest.raises(AssertionError, match=why):
        followed(f"<!-- {mark} -->\n```sh\n{typed}\n```\n", tmp_path)


def test_files_answers_and_what_goes_on_are_those_of_the_page(tmp_path: Path) -> None:
    followed(
        """
```toml title="site.toml"
port = 15999
```

```toml title="added to site.toml"
url = "http://127.0.0.1:15999"
```

<!-- run: goes on; prints "ready" -->
```sh
sh -c 'echo ready; sleep 60; echo never'
```

<!-- run: answers "a secret" "another"; prints "a secret another" -->
```sh
read first; read second; echo "$first $second"
```

<!-- stop: sh -c -->
<!-- before: sort -u site.toml > sorted -->
<!-- not run: somebody else does -->
```sh
exit 1
```

<!-- run -->
```sh
test "$(wc -l < sorted)" = 3
```
""",
        tmp_path,
    )
    port, empty, url = (tmp_path / "work" / "site.toml").read_text().splitlines()
    number = port.removeprefix("port = ")
    # The page's port is exchanged for a free one, and for the same one everywhere.
    assert (empty, url) == ("", f'url = "http://127.0.0.1:{number}"')
    assert number != "15999"
    assert int(number) > 1024
