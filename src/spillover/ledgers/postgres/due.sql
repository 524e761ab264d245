-- name: due
-- An erased account takes no orders, so nothing of it falls due.
SELECT account FROM (
    SELECT id AS account FROM accounts WHERE due <= $1 AND due < 9007199254740991
    UNION
    SELECT account FROM lots WHERE ended = '' AND balance > 0 AND expires <= $1 AND expires < 9007199254740991
) AS found
WHERE EXISTS (SELECT 1 FROM names n
              WHERE n.account = found.account AND n.token = found.account::text AND n.kind = 'account')
ORDER BY account LIMIT $2;

-- name: ended
SELECT lot, measure, priority, effective, expires, promotional, scope, balance, key FROM lots
WHERE account = $1 AND ended = '' AND balance > 0 AND expires <= $2 AND expires < 9007199254740991
ORDER BY expires, lot;

-- name: plans
SELECT plan, count(*) FROM (
    SELECT a.id, (p.payload::json ->> 'plan') COLLATE "C" AS plan
    FROM accounts a JOIN profiles p ON p.account = a.id AND p.version = a.version
    UNION
    SELECT a.id, p.payload::json ->> 'next_plan'
    FROM accounts a JOIN profiles p ON p.account = a.id AND p.version = a.version
) AS used
JOIN names n ON n.account = used.id AND n.token = used.id::text AND n.kind = 'account'
WHERE plan <> '' GROUP BY plan ORDER BY plan;
