-- name: held
SELECT account, key, feature, usage, subject, attributes, at, due, units, mark, sent FROM held ORDER BY at, account, key;

-- name: hold
INSERT OR REPLACE INTO held (account, key, feature, usage, subject, attributes, at, due, units, mark, sent)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: unhold
DELETE FROM held WHERE account = ? AND key = ?;

-- name: switch
INSERT INTO switched (at, until, reason, actor, origin) VALUES (?, ?, ?, ?, ?);

-- name: close
UPDATE switched SET ended = ?1 WHERE ended IS NULL AND until > ?1 AND origin = ?2;

-- name: switches
SELECT at, until, reason, actor, origin, ended FROM switched ORDER BY number DESC LIMIT ?;
