-- name: place
SELECT id, epoch, settled_sequence, settled_version FROM accounts WHERE id = $1;

-- name: places
SELECT id, epoch, settled_sequence, settled_version FROM accounts WHERE id > $1 ORDER BY id LIMIT $2;

-- name: stands
-- Where an account stands, its newest version, and its settled terms.
SELECT a.id, a.epoch, a.settled_sequence, a.settled_version, a.version, p.payload
FROM unnest($1::bigint[]) AS wanted (account)
JOIN accounts a ON a.id = wanted.account
LEFT JOIN profiles p ON p.account = a.id AND p.version = a.settled_version;

-- name: cells
SELECT name, value FROM settled_cells WHERE account = $1;

-- name: holds
SELECT id, due, record FROM settled_holds WHERE account = $1;

-- name: cells_of_each
SELECT c.account, c.name, c.value FROM unnest($1::bigint[]) AS wanted (account)
JOIN settled_cells c ON c.account = wanted.account;

-- name: holds_of_each
SELECT h.account, h.id, h.due, h.record FROM unnest($1::bigint[]) AS wanted (account)
JOIN settled_holds h ON h.account = wanted.account;

-- name: keys
-- The newest before a place.
SELECT epoch, sequence, payload FROM usage_events
WHERE account = $1 AND (epoch, sequence) < ($2, $3)
ORDER BY epoch DESC, sequence DESC LIMIT $4;

-- name: latest
-- The latest instant at which something that is not settled may come into force.
SELECT max(at) FROM (
    SELECT at FROM profiles WHERE account = $1 AND version > $2
    UNION ALL
    SELECT at FROM epochs WHERE account = $1
) AS found;

-- name: raise
UPDATE accounts SET epoch = epoch + 1, settled_sequence = 0 WHERE id = $1 AND epoch = $2;

-- name: add
INSERT INTO epochs (account, epoch, ended, at, reason, actor) VALUES ($1, $2, $3, $4, $5, $6);

-- name: take_up
-- What waits is queued anew with what was pushed, so that each version stands before the next.
INSERT INTO pushed (account, version, push) SELECT account, version, push FROM outbox WHERE account = $1;

-- name: unqueue
DELETE FROM outbox WHERE account = $1;

-- name: queue_again
INSERT INTO outbox (account, version, push)
SELECT account, version, push FROM pushed WHERE account = $1 AND version > $2 ORDER BY version;

-- name: unpush
DELETE FROM pushed WHERE account = $1;

-- name: of
SELECT account, epoch, ended, at, reason, actor FROM epochs WHERE account = $1 ORDER BY epoch;
