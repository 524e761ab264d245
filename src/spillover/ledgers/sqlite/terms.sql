-- name: newest
SELECT p.payload FROM accounts a JOIN profiles p ON p.account = a.id AND p.version = a.version WHERE a.id = ?;

-- name: exists
SELECT 1 FROM accounts WHERE id = ?;

-- name: create
INSERT INTO accounts (id, version, usage_head, charge_head, update_head) VALUES (?, 1, ?, ?, ?);

-- name: add_version
INSERT INTO profiles (account, version, payload, at, reason, actor) VALUES (?, ?, ?, ?, ?, ?);

-- name: set_version
UPDATE accounts SET version = ?2 WHERE id = ?1;

-- name: queue
INSERT INTO outbox (account, version, raised) VALUES (?, ?, ?);

-- name: unpushed
SELECT account, p.payload, o.raised FROM outbox o JOIN profiles p USING (account, version) ORDER BY o.number;

-- name: unpushed_of
SELECT account, p.payload, o.raised FROM outbox o JOIN profiles p USING (account, version)
WHERE o.account = ? ORDER BY o.version;

-- name: pushed
DELETE FROM outbox WHERE account = ? AND version = ?;

-- name: lot_balance
SELECT lot, balance FROM lots WHERE account = ? AND lot = ?;

-- name: retire_policy
UPDATE policies SET current = 0 WHERE current = 1 AND hash <> ?;

-- name: publish_policy
INSERT INTO policies (hash, document, published_at, current) VALUES (?, ?, ?, 1)
ON CONFLICT (hash) DO UPDATE SET current = 1;

-- name: policy
SELECT document FROM policies WHERE hash = ?;

-- name: current_policy
SELECT document FROM policies WHERE current = 1;
