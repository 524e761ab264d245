-- name: keys_elsewhere
-- Keys that do not stand for a settled event of that place and request: few, those of unsettled events among them.
SELECT k.account, CAST(k.key AS BLOB), k.epoch, k.sequence, CAST(k.fingerprint AS BLOB), k.entry
FROM keys k LEFT JOIN usage_events u ON u.account = k.account AND u.key = k.key
WHERE k.account BETWEEN ?1 AND ?2
  AND (u.account IS NULL OR u.epoch <> k.epoch OR u.sequence <> k.sequence
       OR instr(u.payload, CAST('"fingerprint":"' || k.fingerprint || '"' AS BLOB)) = 0)
ORDER BY k.account, k.key;

-- name: entry_of
SELECT entry FROM keys WHERE account = ? AND key = ?;

-- name: count_keys
SELECT account, count(*) FROM keys WHERE account BETWEEN ?1 AND ?2 GROUP BY account ORDER BY account;

-- name: events_without_key
SELECT u.epoch, u.sequence, CAST(u.key AS BLOB)
FROM usage_events u LEFT JOIN keys k ON k.account = u.account AND k.key = u.key
WHERE u.account = ?1 AND k.account IS NULL
ORDER BY u.epoch, u.sequence LIMIT 20;
