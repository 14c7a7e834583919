#!/bin/sh
# Run by the container of PostgreSQL when its volume is empty: roles and database of the ledger.
set -eu
psql --username "$POSTGRES_USER" --dbname postgres --quiet \
    -v owner_password="$OWNER_PASSWORD" \
    -v writer_password="$WRITER_PASSWORD" \
    -v reader_password="$READER_PASSWORD" \
    -f /etc/culturewatch/postgres.sql
