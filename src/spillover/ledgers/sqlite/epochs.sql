-- name: place
SELECT id, epoch, settled_sequence, settled_version FROM accounts WHERE id = ?;

-- name: places
SELECT id, epoch, settled_sequence, settled_version FROM accounts WHERE id > ? ORDER BY id LIMIT ?;

-- name: stands
-- Where an account stands, its newest version, and its settled terms.
SELECT a.id, a.epoch, a.settled_sequence, a.settled_version, a.version, p.payload
FROM accounts a LEFT JOIN profiles p ON p.account = a.id AND p.version = a.settled_version
WHERE a.id = ?;

-- name: cells
SELECT name, value FROM settled_cells WHERE account = ?;

-- name: holds
SELECT id, due, record FROM settled_holds WHERE account = ?;

-- name: cells_of_each
SELECT c.account, c.name, c.value FROM settled_cells c WHERE c.account = ?;

-- name: holds_of_each
SELECT h.account, h.id, h.due, h.record FROM settled_holds h WHERE h.account = ?;

-- name: keys
-- The newest before a place.
SELECT epoch, sequence, payload FROM usage_events
WHERE account = ? AND (epoch, sequence) < (?, ?)
ORDER BY epoch DESC, sequence DESC LIMIT ?;

-- name: latest
-- The latest instant at which something that is not settled may come into force.
SELECT max(at) FROM (
    SELECT at FROM profiles WHERE account = ?1 AND version > ?2
    UNION ALL
    SELECT at FROM epochs WHERE account = ?1
) AS found;

-- name: raise
UPDATE accounts SET epoch = epoch + 1, settled_sequence = 0 WHERE id = ? AND epoch = ?;

-- name: add
INSERT INTO epochs (account, epoch, ended, at, reason, actor) VALUES (?, ?, ?, ?, ?, ?);

-- name: take_up
-- What waits is queued anew with what was pushed, so that each version stands before the next.
INSERT INTO pushed (account, version, push) SELECT account, version, push FROM outbox WHERE account = ?;

-- name: unqueue
DELETE FROM outbox WHERE account = ?;

-- name: queue_again
INSERT INTO outbox (account, version, push)
SELECT account, version, push FROM pushed WHERE account = ? AND version > ? ORDER BY version;

-- name: unpush
DELETE FROM pushed WHERE account = ?;

-- name: of
SELECT account, epoch, ended, at, reason, actor FROM epochs WHERE account = ? ORDER BY epoch;
