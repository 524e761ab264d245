-- name: columns
SELECT attname::text FROM pg_attribute WHERE attrelid = to_regclass($1::text) AND attnum > 0 AND NOT attisdropped;

-- name: policy_documents
SELECT convert_to(hash, 'UTF8'), convert_to(document, 'UTF8') FROM policies;

-- name: publications
SELECT p.number, p.hash, p.since, p.at, d.published_at, p.withdraws
FROM publications p LEFT JOIN policies d USING (hash)
ORDER BY p.number;

-- name: odd_names
SELECT n.account, n.token
FROM names n LEFT JOIN accounts a ON a.id = n.account
WHERE a.id IS NULL OR (n.kind = 'account') <> (n.token = n.account::text)
ORDER BY n.account, n.token COLLATE "C" LIMIT 1000;

-- name: double_keys
SELECT account, key, count(*) FROM usage_events GROUP BY account, key HAVING count(*) > 1
ORDER BY account, key COLLATE "C" LIMIT 1000;

-- name: event_counts
SELECT id, usage_count FROM accounts ORDER BY id;

-- name: account_ids
SELECT id FROM accounts WHERE id BETWEEN $1::bigint AND $2::bigint ORDER BY id;

-- name: account_named
SELECT account FROM names WHERE kind = 'account' AND name = $1::text;

-- name: name_of
SELECT name FROM names WHERE account = $1::bigint AND kind = 'account';

-- name: place_of
SELECT epoch, settled_sequence FROM accounts WHERE id = $1::bigint;

-- name: events_between
SELECT epoch, sequence, key, payload FROM usage_events
WHERE account = $1::bigint AND epoch = $2::bigint AND sequence BETWEEN $3::bigint AND $4::bigint ORDER BY sequence;

-- name: event_of_key
SELECT epoch, sequence, payload FROM usage_events WHERE account = $1::bigint AND key = $2::text;

-- name: keys_elsewhere
-- Keys that do not stand for a settled event of that place and request: few, those of unsettled events among them.
SELECT k.account, convert_to(k.key, 'UTF8'), k.epoch, k.sequence, convert_to(k.fingerprint, 'UTF8'), NULL::bigint
FROM keys k LEFT JOIN usage_events u ON u.account = k.account AND u.key = k.key
WHERE k.account BETWEEN $1::bigint AND $2::bigint
  AND (u.account IS NULL OR u.epoch <> k.epoch OR u.sequence <> k.sequence
       OR position(convert_to('"fingerprint":"' || k.fingerprint || '"', 'UTF8') IN u.payload) = 0)
ORDER BY k.account, k.key COLLATE "C";

-- name: entries_elsewhere
-- Keys say nothing of the stream: an event leaves it by its own place.
SELECT account, epoch, sequence, convert_to(key, 'UTF8'), id, id
FROM stream WHERE account BETWEEN $1::bigint AND $2::bigint AND false;

-- name: count_keys
-- Of the epoch that the account is in.
SELECT h.account, h.epoch, count(*), min(k.sequence)
FROM hot_accounts h JOIN keys k ON k.account = h.account AND k.epoch = h.epoch
WHERE h.account BETWEEN $1::bigint AND $2::bigint
GROUP BY h.account, h.epoch ORDER BY h.account;

-- name: events_without_key
SELECT u.epoch, u.sequence, convert_to(u.key, 'UTF8')
FROM usage_events u LEFT JOIN keys k ON k.account = u.account AND k.key = u.key
WHERE u.account = $1::bigint AND u.epoch = $2::bigint AND u.sequence >= $3::bigint AND k.account IS NULL
  AND u.key NOT LIKE 'spillover:again:%'
ORDER BY u.epoch, u.sequence LIMIT 20;

-- name: last_event
-- How many events the accounts say that they have.
SELECT coalesce(sum(usage_count), 0)::bigint FROM accounts;

-- name: moment
SELECT pg_export_snapshot();

-- name: hot_accounts
SELECT to_regclass('hot_accounts') IS NOT NULL;

-- name: types
-- The columns of a table: name, type, whether it may be null.
SELECT attname::text, format_type(atttypid, atttypmod), NOT attnotnull
FROM pg_attribute WHERE attrelid = to_regclass($1::text) AND attnum > 0 AND NOT attisdropped;

-- name: triggers
-- Of a table and of each of its partitions, which can be written to directly: the triggers that people made.
SELECT r.relid::regclass::text, t.tgname::text, t.tgtype::bigint,
       t.tgenabled IN ('O', 'A') AND t.tgqual IS NULL AND cardinality(t.tgattr::int2[]) = 0 AS always,
       coalesce(f.prosrc, '')
FROM (SELECT to_regclass($1::text) AS relid UNION SELECT relid FROM pg_partition_tree(to_regclass($1::text))) r
LEFT JOIN pg_trigger t ON t.tgrelid = r.relid AND NOT t.tgisinternal
LEFT JOIN pg_proc f ON f.oid = t.tgfoid
ORDER BY 1, 2;

-- name: rules
-- What rewrites a change into something else.
SELECT r.relid::regclass::text, w.rulename::text
FROM (SELECT to_regclass($1::text) AS relid UNION SELECT relid FROM pg_partition_tree(to_regclass($1::text))) r
JOIN pg_rewrite w ON w.ev_class = r.relid
ORDER BY 1, 2;

-- name: unique
SELECT (SELECT string_agg(a.attname, ',' ORDER BY k.place)
        FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (number, place)
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
        WHERE k.place <= i.indnkeyatts)
FROM pg_index i
WHERE i.indrelid = to_regclass($1::text) AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
  AND i.indexprs IS NULL;
