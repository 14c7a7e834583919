"""Whether a form comes from our own page: by what browsers say, and by a nonce of the page."""

import hashlib
import secrets
from urllib.parse import urlsplit

from itsdangerous import BadData, URLSafeTimedSerializer

_SALT = "culturewatch.form.1"
NONCE_S = 6 * 3600
"""How long a page may lie open before its button needs a second press."""


class Nonces:
    """Hidden fields that only our own page for the same link can have carried.

    There is no cookie here, so nothing that a browser would add to somebody else's form: the
    nonce keeps out those who send a form without having been shown the page.
    """

    def __init__(self, key: bytes) -> None:
        self._serializer = URLSafeTimedSerializer(
            key, salt=_SALT, signer_kwargs={"digest_method": hashlib.sha256}
        )

    def make(self, token: str) -> str:
        """A nonce for the page of ``token``."""
        return self._serializer.dumps([secrets.token_urlsafe(9), _digest(token)])

    def holds(self, nonce: str, token: str) -> bool:
        """Whether ``nonce`` was made here for ``token``, not too long ago."""
        try:
            loaded = self._serializer.loads(nonce, max_age=NONCE_S)
        except BadData:
            return False
        return isinstance(loaded, list) and loaded[1:] == [_digest(token)]


def is_ours(*, origin: str | None, fetch_site: str | None, host: str, public_url: str) -> bool:
    """Whether a form's headers speak for our own page.

    Browsers say one of them or both; what says neither is no browser, and no victim of another
    site's page.
    """
    if fetch_site is not None and fetch_site not in {"same-origin", "none"}:
        return False
    if origin is None:
        return True
    given = _place(origin)
    return given is not None and given in {_place(public_url), _place(f"//{host}", origin)}


def _place(url: str, like: str = "") -> tuple[str, str, int | None] | None:
    """Scheme, name and port; the scheme of ``like`` where ``url`` has none."""
    try:
        parts, other = urlsplit(url), urlsplit(like)
        scheme = parts.scheme or other.scheme
        if scheme not in {"http", "https"} or not parts.hostname:
            return None
        return scheme, parts.hostname, parts.port or {"http": 80, "https": 443}[scheme]
    except ValueError:
        return None


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()[:32]
