-- name: enter
-- In the order of ids, like the locks: so two batches never wait for one another.
INSERT INTO hot_accounts (account) SELECT unnest($1::bigint[]) ON CONFLICT (account) DO NOTHING;

-- name: lock
-- Rows are locked in this order. Statements after it see all that was committed before the last lock was had.
SELECT account, epoch, sequence, version, shut, (extract(epoch FROM clock_timestamp()) * 1000)::bigint,
       (SELECT version FROM spillover.spillover_schema WHERE component = 'rules')
FROM hot_accounts WHERE account = ANY ($1::bigint[]) ORDER BY account FOR UPDATE;

-- name: find_places
SELECT account, epoch, sequence, version, shut FROM hot_accounts
WHERE account = ANY ($1::bigint[]) AND (epoch > 0 OR sequence > 0 OR shut);

-- name: find_profile
SELECT profile FROM hot_profiles WHERE account = $1;

-- name: find_cells
SELECT account, name, value FROM unnest($1::bigint[], $2::text[]) AS asked (account, name)
JOIN cells USING (account, name);

-- name: all_cells
SELECT name, value FROM cells WHERE account = $1;

-- name: profiles_of
SELECT account, profile FROM hot_profiles WHERE account = ANY ($1::bigint[]);

-- name: cells_of
SELECT account, name, value FROM cells WHERE account = ANY ($1::bigint[]);

-- name: find_keys
-- The payload while the event waits in the stream.
SELECT k.account, k.key, k.epoch, k.sequence, k.fingerprint, s.payload
FROM unnest($1::bigint[], $2::text[]) AS asked (account, key)
JOIN keys AS k USING (account, key)
LEFT JOIN stream AS s ON (s.account, s.epoch, s.sequence, s.key) = (k.account, k.epoch, k.sequence, k.key);

-- name: append
WITH added AS (
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::bytea[])
        AS event (account, shard, epoch, sequence, key, fingerprint, payload)
), kept AS (
    INSERT INTO stream (account, shard, epoch, sequence, key, payload)
    SELECT account, shard, epoch, sequence, key, payload FROM added
)
INSERT INTO keys (account, key, epoch, sequence, fingerprint, at)
SELECT account, key, epoch, sequence, fingerprint, (extract(epoch FROM now()) * 1000)::bigint FROM added;

-- name: put_places
UPDATE hot_accounts AS a SET epoch = p.epoch, sequence = p.sequence, version = p.version
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) AS p (account, epoch, sequence, version)
WHERE a.account = p.account;

-- name: put_profiles
INSERT INTO hot_profiles (account, profile) SELECT * FROM unnest($1::bigint[], $2::bytea[])
ON CONFLICT (account) DO UPDATE SET profile = excluded.profile;

-- name: put_cells
INSERT INTO cells (account, name, value) SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[])
ON CONFLICT (account, name) DO UPDATE SET value = excluded.value;

-- name: drop_cells
DELETE FROM cells AS c USING unnest($1::bigint[], $2::text[]) AS gone (account, name)
WHERE c.account = gone.account AND c.name = gone.name;

-- name: count_denials
INSERT INTO denials AS d (account, feature, reason, minute, count)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::bigint[])
ON CONFLICT (account, minute, feature, reason) DO UPDATE SET count = d.count + excluded.count;

-- name: denials
-- Minutes that touch the time: the first may have begun before it.
SELECT feature, reason, minute * 60000, count FROM denials
WHERE account = $1 AND minute >= $2 / 60000 AND minute < ($3 + 59999) / 60000
ORDER BY minute, feature, reason LIMIT $4;

-- name: put_holds
INSERT INTO holds (account, id, shard, due, record)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bytea[])
ON CONFLICT (account, id) DO UPDATE SET due = excluded.due, record = excluded.record;

-- name: drop_holds
DELETE FROM holds AS h USING unnest($1::bigint[], $2::text[]) AS gone (account, id)
WHERE h.account = gone.account AND h.id = gone.id;

-- name: find_hold
SELECT account, id, due, record FROM holds WHERE account = $1 AND id = $2;

-- name: holds_of
SELECT account, id, due, record FROM holds WHERE account = $1 ORDER BY due, id;

-- name: holds_by_id
SELECT account, id, due, record FROM holds WHERE account = ANY ($1::bigint[]) ORDER BY account, id;

-- name: due_of
SELECT account, id, due, record FROM holds WHERE account = $1 AND due <= $2 AND shard = ANY ($3::bigint[])
ORDER BY due, id LIMIT $4;

-- name: due_of_all
SELECT account, id, due, record FROM holds WHERE due <= $1 AND shard = ANY ($2::bigint[])
ORDER BY due, account, id LIMIT $3;

-- name: oldest
SELECT id, account, epoch, sequence, key, payload FROM stream
WHERE id >= $1 AND shard = ANY ($2::bigint[]) ORDER BY id LIMIT $3;

-- name: running
-- Every transaction with a lower number has ended, for this snapshot.
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint;

-- name: entries
SELECT account, epoch, sequence, key, payload FROM stream WHERE account = $1 ORDER BY epoch, sequence LIMIT $2;

-- name: backlog
SELECT count(*) FROM stream WHERE id >= $1 AND shard = ANY ($2::bigint[]);

-- name: acknowledge
DELETE FROM stream AS s USING unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS done (account, epoch, sequence)
WHERE (s.account, s.epoch, s.sequence) = (done.account, done.epoch, done.sequence);

-- name: own_number
SELECT pg_current_xact_id()::text::bigint;

-- name: forget_keys
-- From an instant on, before which all are gone; up to which is the answer. Rows that another one is forgetting just now
-- are left to it.
WITH gone AS (
    DELETE FROM keys WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM keys WHERE at >= $1 AND at < (extract(epoch FROM now()) * 1000)::bigint - $2
        ORDER BY at LIMIT $3 FOR UPDATE SKIP LOCKED
    )) RETURNING at
)
SELECT max(at) FROM gone;

-- name: forget_denials
WITH gone AS (
    DELETE FROM denials WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM denials WHERE minute >= $1 AND minute < extract(epoch FROM now())::bigint / 60 - $2
        ORDER BY minute LIMIT $3 FOR UPDATE SKIP LOCKED
    )) RETURNING minute
)
SELECT max(minute) FROM gone;

-- name: shut
UPDATE hot_accounts SET shut = true WHERE account = $1 RETURNING account, epoch, sequence, version, shut;

-- name: shut_accounts
SELECT account FROM hot_accounts WHERE shut ORDER BY account LIMIT $1;

-- name: drop_profile
DELETE FROM hot_profiles WHERE account = $1;

-- name: drop_all_cells
DELETE FROM cells WHERE account = $1;

-- name: drop_all_holds
DELETE FROM holds WHERE account = $1;

-- name: open_at
UPDATE hot_accounts SET epoch = $2, sequence = $3, version = $4, shut = false WHERE account = $1;

-- name: not_in_stream
-- Keys of older epochs whose event is not in the stream, after a key.
SELECT key, epoch, sequence FROM keys AS k
WHERE k.account = $1 AND k.epoch < $2 AND k.key > $3 AND NOT EXISTS (
    SELECT 1 FROM stream AS s WHERE (s.account, s.epoch, s.sequence, s.key) = (k.account, k.epoch, k.sequence, k.key)
) ORDER BY key LIMIT $4;

-- name: forget_lost
DELETE FROM keys AS k USING unnest($2::text[], $3::bigint[], $4::bigint[]) AS lost (key, epoch, sequence)
WHERE k.account = $1 AND k.key = lost.key AND k.epoch = lost.epoch AND k.sequence = lost.sequence;

-- name: put_keys
-- Their events have no entry in the stream: they are found in the books. Where the database has a key at another place,
-- the books are right.
INSERT INTO keys (account, key, epoch, sequence, fingerprint, at)
SELECT $1, key, epoch, sequence, fingerprint, (extract(epoch FROM now()) * 1000)::bigint
FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::text[]) AS known (key, epoch, sequence, fingerprint)
ON CONFLICT (account, key) DO UPDATE
SET epoch = excluded.epoch, sequence = excluded.sequence, fingerprint = excluded.fingerprint, at = excluded.at;
