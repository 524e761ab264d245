-- name: queue
INSERT INTO outbox (account, version, push) VALUES ($1, $2, $3);

-- name: unpushed
SELECT o.account, p.payload, o.push,
       greatest(p.at, coalesce((SELECT max(e.at) FROM epochs e WHERE e.account = o.account), 0))
FROM outbox o JOIN profiles p ON p.account = o.account AND p.version = o.version
ORDER BY o.number;

-- name: unpushed_of
SELECT o.account, p.payload, o.push,
       greatest(p.at, coalesce((SELECT max(e.at) FROM epochs e WHERE e.account = o.account), 0))
FROM outbox o JOIN profiles p ON p.account = o.account AND p.version = o.version
WHERE o.account = $1 ORDER BY o.version;

-- name: unpushed_of_each
SELECT o.account, o.version, p.payload, o.push,
       greatest(p.at, coalesce((SELECT max(e.at) FROM epochs e WHERE e.account = o.account), 0))
FROM unnest($1::bigint[]) AS wanted (account)
JOIN outbox o ON o.account = wanted.account
JOIN profiles p ON p.account = o.account AND p.version = o.version;

-- name: instant
SELECT o.account, o.version,
       greatest(p.at, coalesce((SELECT max(e.at) FROM epochs e WHERE e.account = o.account), 0))
FROM unnest($1::bigint[], $2::bigint[]) AS wanted (account, version)
JOIN outbox o ON o.account = wanted.account AND o.version = wanted.version
JOIN profiles p ON p.account = o.account AND p.version = o.version;

-- name: keep
INSERT INTO pushed (account, version, push)
SELECT o.account, o.version, o.push
FROM unnest($1::bigint[], $2::bigint[]) AS wanted (account, version)
JOIN outbox o ON o.account = wanted.account AND o.version = wanted.version
JOIN accounts a ON a.id = o.account
WHERE o.version > a.settled_version;

-- name: drop
DELETE FROM outbox o USING unnest($1::bigint[], $2::bigint[]) AS done (account, version)
WHERE o.account = done.account AND o.version = done.version;

-- name: pushed_terms
SELECT account, max(version) FROM pushed WHERE account > $1 GROUP BY account ORDER BY account LIMIT $2;

-- name: settled
DELETE FROM pushed p USING unnest($1::bigint[], $2::bigint[]) AS settled (account, version)
WHERE p.account = settled.account AND p.version <= settled.version;
