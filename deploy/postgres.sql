-- The database of the ledger and its three roles, once, as an administrator:
--   psql -v writer_password="…" -v reader_password="…" -v owner_password="…" -f deploy/postgres.sql
-- The owner makes the tables, the writer only adds to them, Grafana sees what its screens show:
--   culturewatch ledger upgrade --as culturewatch_owner --password-env NAME --reader grafana
-- gives the rights (culturewatch ledger grants prints them).
\set ON_ERROR_STOP on
CREATE ROLE culturewatch_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE culturewatch LOGIN PASSWORD :'writer_password';
CREATE ROLE grafana LOGIN PASSWORD :'reader_password';
CREATE DATABASE culturewatch OWNER culturewatch_owner ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE culturewatch FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE culturewatch TO culturewatch;
GRANT CONNECT ON DATABASE culturewatch TO grafana;
ALTER ROLE grafana SET default_transaction_read_only = on;
ALTER ROLE grafana SET statement_timeout = '30s';
