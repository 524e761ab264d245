-- name: data_version
-- Changes when another connection has committed, never by our own commits.
PRAGMA data_version;

-- name: find_place
SELECT account, epoch, sequence, version, shut FROM hot_accounts WHERE account = ?;

-- name: shut_accounts
SELECT account FROM hot_accounts WHERE shut ORDER BY account LIMIT ?;

-- name: find_profile
SELECT profile FROM hot_profiles WHERE account = ?;

-- name: find_cell
SELECT account, name, value FROM cells WHERE account = ? AND name = ?;

-- name: all_cells
SELECT name, value FROM cells WHERE account = ?;

-- name: find_key
SELECT account, key, epoch, sequence, fingerprint, entry FROM keys WHERE account = ? AND key = ?;

-- name: find_in_stream
-- The place as well: an id may have been given again.
SELECT payload FROM stream WHERE id = ? AND account = ? AND epoch = ? AND sequence = ?;

-- name: find_in_books
-- The event behind a key whose entry was acknowledged, booked or not.
-- The key as well: in the books a place may be another event's, whose sequence the hot state gave a second time.
SELECT payload FROM usage_events WHERE account = ?1 AND epoch = ?2 AND sequence = ?3 AND key = ?4
UNION ALL
SELECT payload FROM quarantine WHERE account = ?1 AND epoch = ?2 AND sequence = ?3 AND key = ?4
LIMIT 1;

-- name: last_entry
SELECT coalesce(max(id), 0) FROM stream;

-- name: append
INSERT INTO stream (id, account, epoch, sequence, key, payload) VALUES (?, ?, ?, ?, ?, ?);

-- name: remember
INSERT INTO keys (account, key, epoch, sequence, fingerprint, entry) VALUES (?, ?, ?, ?, ?, ?);

-- name: put_place
INSERT INTO hot_accounts (account, epoch, sequence, version) VALUES (?, ?, ?, ?)
ON CONFLICT (account) DO UPDATE SET epoch = excluded.epoch, sequence = excluded.sequence, version = excluded.version;

-- name: put_profile
INSERT INTO hot_profiles (account, profile) VALUES (?, ?)
ON CONFLICT (account) DO UPDATE SET profile = excluded.profile;

-- name: put_cell
INSERT INTO cells (account, name, value) VALUES (?, ?, ?)
ON CONFLICT (account, name) DO UPDATE SET value = excluded.value;

-- name: drop_cell
DELETE FROM cells WHERE account = ? AND name = ?;

-- name: count_denial
INSERT INTO denials (account, feature, reason, minute, count) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (account, minute, feature, reason) DO UPDATE SET count = count + excluded.count;

-- name: denials
-- Minutes that touch the time: the first may have begun before it.
SELECT feature, reason, minute * 60000, count FROM denials
WHERE account = ?1 AND minute >= ?2 / 60000 AND minute < (?3 + 59999) / 60000
ORDER BY minute, feature, reason LIMIT ?4;

-- name: put_hold
INSERT INTO holds (account, id, due, record) VALUES (?, ?, ?, ?)
ON CONFLICT (account, id) DO UPDATE SET due = excluded.due, record = excluded.record;

-- name: drop_hold
DELETE FROM holds WHERE account = ? AND id = ?;

-- name: find_hold
SELECT account, id, due, record FROM holds WHERE account = ? AND id = ?;

-- name: holds_of
SELECT account, id, due, record FROM holds WHERE account = ? ORDER BY due, id;

-- name: holds_by_id
SELECT account, id, due, record FROM holds WHERE account = ? ORDER BY id;

-- name: due_of
SELECT account, id, due, record FROM holds WHERE account = ? AND due <= ? ORDER BY due, id LIMIT ?;

-- name: due_of_all
SELECT account, id, due, record FROM holds WHERE due <= ? ORDER BY due, account, id LIMIT ?;

-- name: oldest
SELECT account, epoch, sequence, key, payload FROM stream ORDER BY id LIMIT ?;

-- name: entries
-- An index by account would cost every commit; this is asked only while an account is rebuilt.
SELECT account, epoch, sequence, key, payload FROM stream WHERE account = ? ORDER BY id LIMIT ?;

-- name: backlog
SELECT count(*) FROM stream;

-- name: forget
-- The key's row is the stream's index by account. The place as well: an id may have been given again.
DELETE FROM stream
WHERE id = (SELECT entry FROM keys WHERE account = ?1 AND key = ?2) AND account = ?1 AND epoch = ?3 AND sequence = ?4;

-- name: shut
INSERT INTO hot_accounts (account, epoch, sequence, version, shut) VALUES (?, 0, 0, 0, 1)
ON CONFLICT (account) DO UPDATE SET shut = 1;

-- name: drop_profile
DELETE FROM hot_profiles WHERE account = ?;

-- name: drop_cells
DELETE FROM cells WHERE account = ?;

-- name: drop_holds
DELETE FROM holds WHERE account = ?;

-- name: open_at
INSERT INTO hot_accounts (account, epoch, sequence, version, shut) VALUES (?, ?, ?, ?, 0)
ON CONFLICT (account) DO UPDATE
SET epoch = excluded.epoch, sequence = excluded.sequence, version = excluded.version, shut = 0;

-- name: put_key
-- Its event has no entry in the stream: it is found in the books. Where the file has the key at another place, the books
-- are right; its `entry` stays, by which what waits in the stream is forgotten.
INSERT INTO keys (account, key, epoch, sequence, fingerprint, entry) VALUES (?, ?, ?, ?, ?, 0)
ON CONFLICT (account, key) DO UPDATE
SET epoch = excluded.epoch, sequence = excluded.sequence, fingerprint = excluded.fingerprint;

-- name: forget_lost
-- Keys of older epochs whose event is neither in the stream nor in the books, where it may stand under the key of one
-- that came again.
DELETE FROM keys WHERE account = ?1 AND epoch < ?2
AND NOT EXISTS (
    SELECT 1 FROM stream AS s
    WHERE s.id = keys.entry AND s.account = ?1 AND s.epoch = keys.epoch AND s.sequence = keys.sequence
) AND NOT EXISTS (
    SELECT 1 FROM usage_events AS u WHERE u.account = ?1 AND u.epoch = keys.epoch AND u.sequence = keys.sequence
    AND u.key IN (keys.key, 'spillover:again:' || keys.epoch || '.' || keys.sequence)
) AND NOT EXISTS (
    SELECT 1 FROM quarantine AS q
    WHERE q.account = ?1 AND q.epoch = keys.epoch AND q.sequence = keys.sequence AND q.key = keys.key
);
