-- PostgreSQL's own: where SQLite has one writer at a time, here a writer says what nobody else may write to.

-- name: lock
SELECT id FROM accounts WHERE id = ANY ($1::bigint[]) ORDER BY id FOR NO KEY UPDATE;

-- name: alone
SELECT pg_advisory_xact_lock(hashtextextended('spillover: ' || $1::text, 0));
