-- The hot state that these books go with, where it lies apart from them.

-- name: bound
SELECT number, id FROM hot_stores ORDER BY number DESC LIMIT 1;

-- name: bind
-- Who is second with a number changes nothing.
INSERT INTO hot_stores (number, id, at, reason, actor)
VALUES ($1, $2, (extract(epoch FROM clock_timestamp()) * 1000)::bigint, $3, $4)
ON CONFLICT (number) DO NOTHING;

-- name: history
SELECT id, at, reason, actor FROM hot_stores ORDER BY number;
