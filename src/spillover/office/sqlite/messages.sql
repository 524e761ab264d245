-- name: last
SELECT number FROM office_messages ORDER BY number DESC LIMIT 1;

-- name: known
SELECT key FROM office_messages WHERE key = ?1;

-- name: add
INSERT INTO office_messages (number, id, key, account, type, at, until, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8);

-- name: find
SELECT key, account, type, at, data, until, id, number FROM office_messages WHERE id = ?1;

-- name: numbered
SELECT key, account, type, at, data, until, id, number FROM office_messages WHERE number = ?1;

-- name: page
SELECT key, account, type, at, data, until, id, number FROM office_messages
WHERE number > ?1 AND at >= ?2 AND at < ?3 AND (?4 = '' OR type = ?4) ORDER BY number LIMIT ?5;

-- name: page_of
SELECT key, account, type, at, data, until, id, number FROM office_messages
WHERE account = ?1 AND number > ?2 AND at >= ?3 AND at < ?4 AND (?5 = '' OR type = ?5) ORDER BY number LIMIT ?6;

-- name: old
-- Nothing waits for who may still be sent to, nor was tried since.
SELECT m.number FROM office_messages m
WHERE m.at < ?1 AND m.until <= ?2
  AND NOT EXISTS (
    SELECT 1 FROM office_sendings s JOIN office_endpoints e ON e.id = s.endpoint
    WHERE s.message = m.number AND s.state = 'waiting' AND e.ended = 0 AND (e.paused = 0 OR e.paused >= ?1))
  AND NOT EXISTS (SELECT 1 FROM office_tries t WHERE t.message = m.number AND t.at >= ?1)
ORDER BY m.at LIMIT ?3;

-- name: drop
DELETE FROM office_messages WHERE number = ?1;
