-- name: queue
INSERT INTO outbox (account, version, push) VALUES (?, ?, ?);

-- name: unpushed
SELECT account, p.payload, o.push, p.at FROM outbox o JOIN profiles p USING (account, version) ORDER BY o.number;

-- name: unpushed_of
SELECT account, p.payload, o.push, p.at FROM outbox o JOIN profiles p USING (account, version)
WHERE o.account = ? ORDER BY o.version;

-- name: pushed
DELETE FROM outbox WHERE account = ? AND version = ?;
