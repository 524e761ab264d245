#!/bin/sh
# Gives the login its password, by the image's first start.
set -eu
psql --set=ON_ERROR_STOP=1 --username="${POSTGRES_USER:-postgres}" --dbname="$POSTGRES_DB" <<'SQL'
\getenv password SPILLOVER_PASSWORD
ALTER ROLE spillover_app PASSWORD :'password';
SQL
