-- name: columns
SELECT name FROM pragma_table_info(?);

-- name: strict
SELECT strict FROM pragma_table_list WHERE schema = 'main' AND name = ?;

-- name: triggers
SELECT tbl_name, sql FROM sqlite_schema WHERE type = 'trigger' AND sql IS NOT NULL;

-- name: unique
SELECT (SELECT group_concat(name, ',') FROM (SELECT name FROM pragma_index_info(l.name) ORDER BY seqno))
FROM pragma_index_list(?) l
WHERE l."unique" AND NOT l.partial;

-- name: double_keys
SELECT account, key, count(*) FROM usage_events GROUP BY account, key HAVING count(*) > 1 LIMIT 1000;

-- name: odd_names
SELECT n.account, n.token
FROM names n LEFT JOIN accounts a ON a.id = n.account
WHERE a.id IS NULL OR (n.kind = 'account') <> (n.token = CAST(n.account AS TEXT))
LIMIT 1000;

-- name: publications
SELECT p.number, p.hash, p.since, p.at, d.published_at, p.withdraws
FROM publications p LEFT JOIN policies d USING (hash)
ORDER BY p.number;
