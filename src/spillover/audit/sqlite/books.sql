-- name: columns
SELECT name FROM pragma_table_info(?);

-- name: policy_documents
-- As bytes: they may not be UTF-8.
SELECT CAST(hash AS BLOB), CAST(document AS BLOB) FROM policies;

-- name: publications
SELECT p.number, p.hash, p.since, p.at, d.published_at, p.withdraws
FROM publications p LEFT JOIN policies d USING (hash)
ORDER BY p.number;

-- name: odd_names
SELECT n.account, n.token
FROM names n LEFT JOIN accounts a ON a.id = n.account
WHERE a.id IS NULL OR (n.kind = 'account') <> (n.token = CAST(n.account AS TEXT))
ORDER BY n.account, n.token LIMIT 1000;

-- name: double_keys
SELECT account, key, count(*) FROM usage_events GROUP BY account, key HAVING count(*) > 1
ORDER BY account, key LIMIT 1000;

-- name: event_counts
SELECT id, usage_count FROM accounts ORDER BY id;

-- name: account_ids
SELECT id FROM accounts WHERE id BETWEEN ?1 AND ?2 ORDER BY id;

-- name: account_named
SELECT account FROM names WHERE kind = 'account' AND name = ?1;

-- name: name_of
SELECT name FROM names WHERE account = ?1 AND kind = 'account';

-- name: place_of
SELECT epoch, settled_sequence FROM accounts WHERE id = ?1;

-- name: events_between
SELECT epoch, sequence, key, payload FROM usage_events
WHERE account = ?1 AND epoch = ?2 AND sequence BETWEEN ?3 AND ?4 ORDER BY sequence;

-- name: event_of_key
SELECT epoch, sequence, payload FROM usage_events WHERE account = ?1 AND key = ?2;

-- name: keys_elsewhere
-- Keys that do not stand for a settled event of that place and request: few, those of unsettled events among them.
SELECT k.account, CAST(k.key AS BLOB), k.epoch, k.sequence, CAST(k.fingerprint AS BLOB), k.entry
FROM keys k LEFT JOIN usage_events u ON u.account = k.account AND u.key = k.key
WHERE k.account BETWEEN ?1 AND ?2
  AND (u.account IS NULL OR u.epoch <> k.epoch OR u.sequence <> k.sequence
       OR instr(u.payload, CAST('"fingerprint":"' || k.fingerprint || '"' AS BLOB)) = 0)
ORDER BY k.account, k.key;

-- name: entries_elsewhere
-- The key of an event that is still in the stream says where it lies there, or it would never leave it.
SELECT s.account, s.epoch, s.sequence, CAST(s.key AS BLOB), k.entry, s.id
FROM stream s JOIN keys k ON k.account = s.account AND k.key = s.key
WHERE s.account BETWEEN ?1 AND ?2 AND k.entry <> s.id
ORDER BY s.account, s.epoch, s.sequence;

-- name: count_keys
-- Of the epoch that the account is in.
SELECT h.account, h.epoch, count(*), min(k.sequence)
FROM hot_accounts h JOIN keys k ON k.account = h.account AND k.epoch = h.epoch
WHERE h.account BETWEEN ?1 AND ?2
GROUP BY h.account, h.epoch ORDER BY h.account;

-- name: events_without_key
SELECT u.epoch, u.sequence, CAST(u.key AS BLOB)
FROM usage_events u LEFT JOIN keys k ON k.account = u.account AND k.key = u.key
WHERE u.account = ?1 AND u.epoch = ?2 AND u.sequence >= ?3 AND k.account IS NULL
  AND u.key NOT LIKE 'spillover:again:%'
ORDER BY u.epoch, u.sequence LIMIT 20;

-- name: last_event
SELECT coalesce(max(rowid), 0) FROM usage_events;

-- name: strict
SELECT strict FROM pragma_table_list WHERE schema = 'main' AND name = ?;

-- name: triggers
SELECT tbl_name, sql FROM sqlite_schema WHERE type = 'trigger' AND sql IS NOT NULL;

-- name: unique
SELECT (SELECT group_concat(name, ',') FROM (SELECT name FROM pragma_index_info(l.name) ORDER BY seqno))
FROM pragma_index_list(?) l
WHERE l."unique" AND NOT l.partial;

-- name: pages
PRAGMA quick_check;
