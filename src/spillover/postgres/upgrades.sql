-- name: alone
-- One program at a time in this database upgrades; the others wait here and find it done.
SELECT pg_advisory_xact_lock(hashtextextended('spillover: upgrade', 0));

-- name: as_owner
-- Until the transaction ends.
SELECT set_config('role', $1, true);

-- name: patience
SELECT set_config('statement_timeout', '0', true), set_config('lock_timeout', $1, true);

-- name: table
CREATE TABLE spillover.spillover_schema (component text COLLATE "C" PRIMARY KEY, version bigint NOT NULL);

-- name: shown_to_all
GRANT SELECT ON spillover.spillover_schema TO PUBLIC;

-- name: reached_by_all
GRANT USAGE ON SCHEMA spillover TO PUBLIC;

-- name: note
INSERT INTO spillover.spillover_schema VALUES ($1, $2)
ON CONFLICT (component) DO UPDATE SET version = excluded.version;

-- name: taken
SELECT 1 FROM pg_namespace WHERE nspname = $1;

-- name: roles
-- Which of these roles exist.
SELECT rolname::text FROM pg_roles WHERE rolname = ANY ($1::text[]);

-- name: memberships
-- Which of these roles the login may become (before 16 every member may).
SELECT rolname::text FROM pg_roles WHERE rolname = ANY ($1::text[]) AND pg_has_role(session_user, oid, $2);
