-- Erasing in the table's file itself, as the owner; PostgreSQL's own.

-- name: patience
SELECT set_config('statement_timeout', '0', false), set_config('lock_timeout', $1, false);

-- name: delete
DELETE FROM names WHERE account = $1;

-- name: note_erasure
INSERT INTO erasures DEFAULT VALUES;

-- name: last_erasure
SELECT max(number) FROM erasures;

-- name: rewrite
-- FULL: without it, a deleted row's bytes stay in the gap of its page until another row happens to need them.
VACUUM (FULL, VERBOSE) spillover_names.names;

-- name: erasures_done
DELETE FROM erasures WHERE number <= $1;
