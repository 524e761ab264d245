-- name: begun
SELECT 1 FROM office_watched WHERE account = 0;

-- name: begin
INSERT INTO office_watched (account, epoch, sequence, updates) VALUES (0, 0, 0, 0)
ON CONFLICT (account) DO NOTHING RETURNING 1;

-- name: page_ends
-- The last of so many accounts.
SELECT max(id) FROM (SELECT id FROM accounts WHERE id > ?1 ORDER BY id LIMIT ?2) AS page;

-- name: take_places
INSERT INTO office_watched (account, epoch, sequence, updates)
SELECT id, epoch, settled_sequence, update_count FROM accounts WHERE id > ?1 AND id <= ?2
ON CONFLICT (account) DO NOTHING;

-- name: moved
SELECT a.id, coalesce(w.epoch, 0), coalesce(w.sequence, 0), coalesce(w.updates, 0),
       a.epoch, a.settled_sequence, a.update_count
FROM accounts a LEFT JOIN office_watched w ON w.account = a.id
WHERE a.id > ?1 AND (a.epoch <> coalesce(w.epoch, 0) OR a.settled_sequence <> coalesce(w.sequence, 0)
    OR a.update_count <> coalesce(w.updates, 0))
ORDER BY a.id LIMIT ?2;

-- name: places
SELECT account, epoch, sequence, updates FROM office_watched WHERE account = ?1;

-- name: put
INSERT INTO office_watched (account, epoch, sequence, updates) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (account) DO UPDATE SET epoch = excluded.epoch, sequence = excluded.sequence, updates = excluded.updates;
