"""Run by Alembic: applies the migrations on the connection that ``storage.database`` hands over."""

from alembic import context

from storage.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
