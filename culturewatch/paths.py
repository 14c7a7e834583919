"""Where things are in a folder of data."""

from pathlib import Path


def token_key(data: Path) -> Path:
    """The key that signs acknowledge links."""
    return _secrets(data) / "token.key"


def pins(data: Path) -> Path:
    """Where the PINs of people are kept, as hashes."""
    return _secrets(data) / "pins"


def api_tokens(data: Path) -> Path:
    """Where tokens of programs are kept, as hashes."""
    return _secrets(data) / "api-tokens"


def passwords(data: Path) -> Path:
    """Where the passwords of people are kept, as hashes."""
    return _secrets(data) / "passwords"


def session_key(data: Path) -> Path:
    """The key that signs who is logged in."""
    return _secrets(data) / "session.key"


def signing_key(data: Path) -> Path:
    """The key that seals signatures of records."""
    return _secrets(data) / "signing.key"


def bootstrap(data: Path) -> Path:
    """The hash of the token that enters the first admin."""
    return _secrets(data) / "bootstrap.json"


def patients(data: Path) -> Path:
    """The keys that patients' tokens are sealed with; destroying one erases its patient."""
    return _secrets(data) / "patients"


def alarms(data: Path) -> Path:
    """The alarm store."""
    return data / "alarms.db"


def inbox(data: Path) -> Path:
    """The file that pages to ``inbox`` are appended to."""
    return data / "inbox.jsonl"


def calendars(data: Path) -> Path:
    """The last good copies of the calendars of rotas."""
    return data / "rota"


def records(data: Path) -> Path:
    """Where records that are made in the console are kept, a folder for each batch or vial."""
    return data / "records"


def reports(data: Path) -> Path:
    """Where the records that go with reports are kept."""
    return data / "reports"


def ledger_url(data: Path) -> str:
    """The address of the ledger."""
    return f"sqlite:///{(data / 'ledger.db').absolute()}"


def _secrets(data: Path) -> Path:
    return data / "secrets"
