-- name: sums
SELECT measure, balance, granted, spent, receivable, owed FROM account_balances WHERE account = $1
ORDER BY measure <> 'credits', measure;

-- name: lot
SELECT granted, balance, spent, paid, currency, tax, reference, granted_at FROM lots WHERE account = $1 AND lot = $2;

-- name: lots
SELECT lot, measure, priority, effective, expires, promotional, scope,
       granted, balance, spent, paid, currency, tax, reference, granted_at
FROM lots WHERE account = $1 ORDER BY lot;

-- name: lots_of_each
SELECT l.account, l.lot, l.measure, l.priority, l.effective, l.expires, l.promotional, l.scope,
       l.granted, l.balance, l.spent, l.paid, l.currency, l.tax, l.reference, l.granted_at
FROM unnest($1::bigint[]) AS wanted (account)
JOIN lots l ON l.account = wanted.account;

-- name: statement
SELECT number, at, kind, measure, lot, delta, source, target, lot_after, account_after, cause, reason, actor
FROM balance_updates WHERE account = $1 AND number > $2 AND at >= $3 AND at < $4
ORDER BY number LIMIT $5;

-- name: places_of_each
-- Where each stands, and what it is called.
SELECT a.id, a.epoch, a.settled_sequence, a.update_count, n.name
FROM unnest($1::bigint[]) AS wanted (account)
JOIN accounts a ON a.id = wanted.account
LEFT JOIN names n ON n.account = a.id AND n.token = a.id::text AND n.kind = 'account';

-- name: updates_of_each
-- The first behind a place of each.
SELECT b.account, b.number, b.at, b.kind, b.measure, b.lot, b.delta, b.source, b.target, b.lot_after, b.account_after,
       b.cause, b.reason, b.actor
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS wanted (account, number, most)
CROSS JOIN LATERAL (
    SELECT * FROM balance_updates u WHERE u.account = wanted.account AND u.number > wanted.number
    ORDER BY u.number LIMIT wanted.most
) AS b;

-- name: events_of_each
SELECT e.account, e.epoch, e.sequence, e.payload
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) AS wanted (account, epoch, sequence, most)
CROSS JOIN LATERAL (
    SELECT * FROM usage_events u
    WHERE u.account = wanted.account AND (u.epoch, u.sequence) > (wanted.epoch, wanted.sequence)
    ORDER BY u.epoch, u.sequence LIMIT wanted.most
) AS e;

-- name: cells_of_each
SELECT c.account, c.name, c.value
FROM unnest($1::bigint[], $2::bigint[]) AS wanted (account, most)
CROSS JOIN LATERAL (SELECT * FROM settled_cells s WHERE s.account = wanted.account LIMIT wanted.most) AS c;

-- name: key_at
SELECT e.epoch, e.sequence, e.key
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS wanted (account, epoch, sequence)
JOIN usage_events e ON e.account = wanted.account AND e.epoch = wanted.epoch AND e.sequence = wanted.sequence;

-- name: keys_before
-- The latest first: a hold ends soon after it was opened.
SELECT key FROM usage_events WHERE account = $1 AND (epoch, sequence) < ($2, $3)
ORDER BY epoch DESC, sequence DESC LIMIT $4;

-- name: accounts
SELECT a.id, n.name, p.payload::json ->> 'plan', coalesce(p.payload::json ->> 'state', 'active'),
       a.version, a.epoch, a.settled_sequence,
       coalesce(b.balance, 0), coalesce(b.owed, 0), coalesce(b.receivable, 0)
FROM accounts a
JOIN profiles p ON p.account = a.id AND p.version = a.version
LEFT JOIN account_balances b ON b.account = a.id AND b.measure = 'credits'
LEFT JOIN names n ON n.account = a.id AND n.token = a.id::text AND n.kind = 'account'
WHERE a.id > $1
ORDER BY a.id LIMIT $2;

-- name: event
SELECT epoch, sequence, payload FROM usage_events WHERE account = $1 AND key = $2;

-- name: ordered
SELECT EXISTS (SELECT 1 FROM orders WHERE account = $1 AND key = $2)::int;

-- name: charge
SELECT feature, at, subject, amount, legs FROM monetization_events WHERE account = $1 AND epoch = $2 AND sequence = $3;

-- name: payloads
SELECT payload FROM usage_events WHERE account = $1 ORDER BY epoch, sequence;

-- name: events
SELECT account, epoch, sequence, payload FROM usage_events
WHERE (account, epoch, sequence) > ($1, $2, $3)
  AND (convert_from(payload, 'UTF8')::json ->> 'at')::bigint >= $4
  AND (convert_from(payload, 'UTF8')::json ->> 'at')::bigint < $5
ORDER BY account, epoch, sequence LIMIT $6;

-- name: events_of
SELECT account, epoch, sequence, payload FROM usage_events
WHERE account = $1 AND (epoch, sequence) > ($2, $3)
  AND (convert_from(payload, 'UTF8')::json ->> 'at')::bigint >= $4
  AND (convert_from(payload, 'UTF8')::json ->> 'at')::bigint < $5
ORDER BY epoch, sequence LIMIT $6;

-- name: past
-- Lot 0 holds what is owed and advanced, never a balance.
SELECT measure, coalesce(sum(delta) FILTER (WHERE lot > 0), 0)::bigint,
       coalesce(sum(delta) FILTER (WHERE lot = 0 AND kind IN ('overage', 'refund')), 0)::bigint,
       coalesce(sum(delta) FILTER (WHERE kind = 'owed'), 0)::bigint
FROM balance_updates WHERE account = $1 AND at <= $2 AND delta <> 0
GROUP BY measure ORDER BY measure <> 'credits', measure;

-- name: quarantine
SELECT account, epoch, sequence, key, reason, at, counted, payload FROM quarantine
WHERE (account, epoch, sequence, key) > ($1, $2, $3, $4)
ORDER BY account, epoch, sequence, key LIMIT $5;

-- name: payload
-- The event of a place, booked or not, with the key it has, or under which it came again.
SELECT payload FROM usage_events WHERE account = $1 AND epoch = $2 AND sequence = $3 AND key IN ($4, $5)
UNION ALL
SELECT payload FROM quarantine WHERE account = $1 AND epoch = $2 AND sequence = $3 AND key = $4
LIMIT 1;
