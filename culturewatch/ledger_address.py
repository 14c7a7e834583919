"""The address of a ledger on a server: what may stand in a site's file, and its password."""

from urllib.parse import parse_qsl, quote, urlsplit

SCHEME = "postgresql+psycopg"
EXAMPLE = f"{SCHEME}://culturewatch@host:5432/culturewatch"


def address_mistake(url: str) -> str:
    """What is wrong with an address; empty when nothing is. It never quotes the address."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return f"is no address; write {EXAMPLE}"
    if parts.scheme != SCHEME or not parts.path.strip("/") or port == 0:
        return f"is no address of a PostgreSQL database; write {EXAMPLE}"
    if not parts.username or not parts.hostname:
        return f"names no user or no host; write {EXAMPLE}"
    if parts.password is not None or "password" in dict(parse_qsl(parts.query)):
        return "holds a password; give it as password = { env = NAME } or { file = PATH }"
    return ""


def with_password(url: str, password: str, *, user: str = "") -> str:
    """``url`` to connect with, never to be shown; as another ``user`` than it names, if given."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    name = quote(user, safe="") if user else parts.username or ""
    secret = f":{quote(password, safe='')}" if password else ""
    return parts._replace(netloc=f"{name}{secret}@{host}").geturl()
