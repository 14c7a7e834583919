"""Makes JSON of what is nearly JSON: curly quotes, trailing commas, bare words, missing braces.

Only what stands between values is mended; a value is never completed. Seen of Memmert's AtmoWEB.
"""

import re

from devices.decoded import PoisonError

_CURLY = str.maketrans(dict.fromkeys("“”„‟", '"'))
_TOKEN = re.compile(
    r'(?P<text>"(?:[^"\\\n]|\\.)*")'
    r"|(?P<number>-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w.]))"
    r"|(?P<word>[A-Za-z_][\w/.-]*)"
    r"|(?P<mark>[{}\[\]:,])"
    r"|\s+"
)
_CLOSING = {"{": "}", "[": "]"}
_LITERALS = frozenset({"true", "false", "null"})
_MOST_OPEN = 16
"""Braces within braces; an answer with more is not one of a device that measures."""


def mended(payload: bytes, *, is_whole: bool) -> bytes:
    """``payload`` as JSON. Where it may have been cut, a number at its very end is refused.

    Raises:
        PoisonError: it is not even nearly JSON, or may have been cut within a number.
    """
    try:
        text = payload.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = payload.decode("cp1252", errors="replace")
    tokens = _tokens(text.translate(_CURLY), is_whole=is_whole)
    if tokens[:1] != ["{"]:
        tokens.insert(0, "{")
    return _closed(tokens).encode()


def _tokens(text: str, *, is_whole: bool) -> list[str]:
    tokens: list[str] = []
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise PoisonError(f"not JSON, and not nearly: {text[at : at + 20]!r}")
        at = found.end()
        kind = found.lastgroup
        if kind == "number" and at == len(text) and not is_whole:
            # 37 may be the beginning of 37.4, or of 371.
            raise PoisonError("it ends within a number")
        if kind == "word" and found[0] not in _LITERALS:
            tokens.append(f'"{found[0]}"')
        elif kind is not None:
            tokens.append(found[0])
    return tokens


def _closed(tokens: list[str]) -> str:
    """The tokens without commas before an end, and with the ends that are missing."""
    kept: list[str] = []
    left_open: list[str] = []
    for token in tokens:
        if token in _CLOSING:
            left_open.append(_CLOSING[token])
        elif token in {"}", "]"}:
            if not left_open or left_open.pop() != token:
                raise PoisonError(f"a {token} closes nothing")
            _drop_comma(kept)
        if len(left_open) > _MOST_OPEN:
            raise PoisonError("nested too deeply")
        kept.append(token)
    for end in reversed(left_open):
        _drop_comma(kept)
        kept.append(end)
    return "".join(kept)


def _drop_comma(kept: list[str]) -> None:
    if kept and kept[-1] == ",":
        kept.pop()
