-- name: newest
SELECT p.payload FROM accounts a JOIN profiles p ON p.account = a.id AND p.version = a.version WHERE a.id = $1;

-- name: exists
SELECT 1 FROM accounts WHERE id = $1;

-- name: create
INSERT INTO accounts (id, version, usage_head, charge_head, update_head) VALUES ($1, 1, $2, $3, $4);

-- name: add_version
INSERT INTO profiles (account, version, payload, at, reason, actor) VALUES ($1, $2, $3, $4, $5, $6);

-- name: set_version
UPDATE accounts SET version = $2, due = $3 WHERE id = $1;

-- name: version
SELECT payload FROM profiles WHERE account = $1 AND version = $2;

-- name: drained
-- A lot that nothing was ever in may have a rollover on its way: until its version is settled, it is not drained.
SELECT l.lot, (l.balance = 0 AND (l.granted > 0 OR a.settled_version >= coalesce(o.version, 0)))::int
FROM unnest($1::bigint[], $2::bigint[]) AS wanted (account, lot)
JOIN lots l ON l.account = wanted.account AND l.lot = wanted.lot
JOIN accounts a ON a.id = l.account
LEFT JOIN orders o ON o.account = l.account AND o.key = l.key;
