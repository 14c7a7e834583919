"""The console's languages: English as it is written, others from catalogues. Door to babel.

A catalogue is ``console/locale/<language>.po``, in the format of GNU gettext; what it lacks is
said in English.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from io import BytesIO
from types import MappingProxyType

from babel.core import negotiate_locale
from babel.messages.pofile import read_po

ENGLISH = "en"
LANGUAGES: Mapping[str, str] = MappingProxyType({"en": "English", "de": "Deutsch"})
COOKIE = "language"


class Speech:
    """Says things in ``language``."""

    def __init__(self, language: str) -> None:
        self.language = language if language in LANGUAGES else ENGLISH
        self._words = _catalogue(self.language)

    def __call__(self, text: str, /, **values: object) -> str:
        """``text`` in this language, with ``values`` in the places named ``{so}``."""
        said = self._words.get(text) or text
        return said.format(**values) if values else said


def chosen(cookie: str, accepted: str) -> Speech:
    """The speech of a browser: what its user chose here, else what it asks for, else English."""
    if cookie in LANGUAGES:
        return Speech(cookie)
    wanted = [one.partition(";")[0].strip() for one in accepted[:200].split(",")]
    plain = [one for one in wanted if one.replace("-", "").isalpha()]
    return Speech(negotiate_locale(plain, list(LANGUAGES), sep="-") or ENGLISH)


@cache
def _catalogue(language: str) -> Mapping[str, str]:
    if language == ENGLISH:
        return {}
    source = (files("console") / "locale" / f"{language}.po").read_bytes()
    catalogue = read_po(BytesIO(source), locale=language, abort_invalid=True)
    return {
        str(message.id): str(message.string)
        for message in catalogue
        if message.id and message.string and not message.fuzzy
    }
