-- name: queue
INSERT INTO outbox (account, version, push) VALUES (?, ?, ?);

-- name: unpushed
SELECT o.account, p.payload, o.push, max(p.at, coalesce((SELECT max(e.at) FROM epochs e WHERE e.account = o.account), 0))
FROM outbox o JOIN profiles p ON p.account = o.account AND p.version = o.version
ORDER BY o.number;

-- name: unpushed_of
SELECT o.account, p.payload, o.push, max(p.at, coalesce((SELECT max(e.at) FROM epochs e WHERE e.account = o.account), 0))
FROM outbox o JOIN profiles p ON p.account = o.account AND p.version = o.version
WHERE o.account = ? ORDER BY o.version;

-- name: unpushed_of_each
SELECT o.account, o.version, p.payload, o.push,
       max(p.at, coalesce((SELECT max(e.at) FROM epochs e WHERE e.account = o.account), 0))
FROM outbox o JOIN profiles p ON p.account = o.account AND p.version = o.version
WHERE o.account = ?;

-- name: instant
SELECT o.account, o.version, max(p.at, coalesce((SELECT max(e.at) FROM epochs e WHERE e.account = o.account), 0))
FROM outbox o JOIN profiles p ON p.account = o.account AND p.version = o.version
WHERE o.account = ? AND o.version = ?;

-- name: keep
INSERT INTO pushed (account, version, push)
SELECT o.account, o.version, o.push FROM outbox o JOIN accounts a ON a.id = o.account
WHERE o.account = ? AND o.version = ? AND o.version > a.settled_version;

-- name: drop
DELETE FROM outbox WHERE account = ? AND version = ?;

-- name: pushed_terms
SELECT account, max(version) FROM pushed WHERE account > ? GROUP BY account ORDER BY account LIMIT ?;

-- name: settled
DELETE FROM pushed WHERE account = ? AND version <= ?;
