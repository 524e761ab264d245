-- What a look at a database asks before anything of it is opened; statements of the driver's own form.

-- name: versions
SELECT component::text, version FROM spillover.spillover_schema;

-- name: joined
-- Which of these roles the login may become.
SELECT rolname::text FROM pg_roles WHERE rolname = ANY (%s::text[]) AND pg_has_role(session_user, oid, %s);

-- name: become
SET ROLE spillover_reads;

-- name: hot_store
-- Which hot state the books go with (ledgers/postgres/binding.sql).
SELECT id FROM spillover_ledger.hot_stores ORDER BY number DESC LIMIT 1;

-- name: settlers
-- Settlers that are alive by the database's clock, and shards that they hold.
WITH alive AS (
    SELECT owner FROM spillover_ledger.settlers WHERE until > (extract(epoch FROM clock_timestamp()) * 1000)::bigint
)
SELECT (SELECT count(*) FROM alive),
       (SELECT count(*) FROM spillover_ledger.claims WHERE owner IN (SELECT owner FROM alive)
           AND until > (extract(epoch FROM clock_timestamp()) * 1000)::bigint);
