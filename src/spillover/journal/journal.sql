-- name: find
SELECT number, account, key, feature, usage, subject, attributes, mode, at, asked_at, units, policy, mark
FROM waiting WHERE account = ? AND key = ?;

-- name: waiting
SELECT number, account, key, feature, usage, subject, attributes, mode, at, asked_at, units, policy, mark
FROM waiting WHERE number > ? ORDER BY number LIMIT ?;

-- name: put
INSERT INTO waiting (account, key, feature, usage, subject, attributes, mode, at, asked_at, units, policy, mark)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
RETURNING number;

-- name: rows
SELECT rows FROM size;

-- name: promised
SELECT units FROM promised WHERE account = ? AND feature = ?;

-- name: promise
INSERT INTO promised (account, feature, units) VALUES (?, ?, ?)
ON CONFLICT (account, feature) DO UPDATE SET units = units + excluded.units;

-- name: refuse
-- One that another process has ended meanwhile is left as it is.
INSERT OR IGNORE INTO refused
SELECT number, account, key, feature, usage, subject, attributes, mode, at, asked_at, units, policy, mark, ?
FROM waiting WHERE number = ?;

-- name: end
DELETE FROM waiting WHERE number = ?;

-- name: redeem
DELETE FROM promised WHERE account = ?1 AND feature = ?2
AND NOT EXISTS (SELECT 1 FROM waiting WHERE account = ?1 AND feature = ?2);

-- name: refused
SELECT number, account, key, feature, usage, subject, attributes, mode, at, asked_at, units, policy, mark, reason
FROM refused WHERE number > ? ORDER BY number LIMIT ?;

-- name: forget
DELETE FROM refused WHERE number = ?;
