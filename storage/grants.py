"""Who may do what in a ledger on PostgreSQL: the writer adds, the reader sees what screens show."""

from collections.abc import Iterator

from sqlalchemy import make_url, text

from storage.database import Database, DatabaseError

SHOWN = ("stay", "culture", "aliquot", "kinship", "passage", "alarm_event")
"""What the reader sees: batches, vials, where they stood, and alarms; neither acts nor people."""


def grants(database: str, *, writer: str, reader: str = "") -> tuple[str, ...]:
    """The statements that give a writer, and a reader if there is one, their rights and no more.

    Args:
        database: its name.
        writer: the role that culturewatch works as, which is not the owner.
        reader: the role of Grafana.
    """
    return tuple(_statements(_quoted(database), _quoted(writer), _quoted(reader)))


def give(url: str, *, writer: str, reader: str = "") -> None:
    """Run ``grants`` as the owner, whom ``url`` names.

    Raises:
        DatabaseError: that is not the owner, a role is not there, or it is no PostgreSQL.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        raise DatabaseError("a ledger in a file has no roles; the mode of the file says who may")
    with Database(url).writing() as connection:
        for statement in grants(str(parsed.database), writer=writer, reader=reader):
            connection.execute(text(statement))


def _statements(database: str, writer: str, reader: str) -> Iterator[str]:
    yield f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {writer}"
    yield f"GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {writer}"
    yield f"GRANT USAGE ON SCHEMA public TO {writer}"
    yield f"GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO {writer}"
    yield f"REVOKE INSERT ON alembic_version FROM {writer}"
    if reader == _quoted(""):
        return
    yield f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {reader}"
    yield f"GRANT CONNECT ON DATABASE {database} TO {reader}"
    yield f"GRANT USAGE ON SCHEMA public TO {reader}"
    yield f"GRANT SELECT ON {', '.join(SHOWN)} TO {reader}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
