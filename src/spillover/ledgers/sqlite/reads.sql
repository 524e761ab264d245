-- name: sums
SELECT measure, balance, granted, spent, receivable, owed FROM account_balances WHERE account = ?
ORDER BY measure <> 'credits', measure;

-- name: lot
SELECT granted, balance, spent, paid, currency, tax, reference, granted_at FROM lots WHERE account = ? AND lot = ?;

-- name: lots
SELECT lot, measure, priority, effective, expires, promotional, scope,
       granted, balance, spent, paid, currency, tax, reference, granted_at
FROM lots WHERE account = ? ORDER BY lot;

-- name: lots_of_each
SELECT l.account, l.lot, l.measure, l.priority, l.effective, l.expires, l.promotional, l.scope,
       l.granted, l.balance, l.spent, l.paid, l.currency, l.tax, l.reference, l.granted_at
FROM lots l WHERE l.account = ?;

-- name: statement
SELECT number, at, kind, measure, lot, delta, source, target, lot_after, account_after, cause, reason, actor
FROM balance_updates WHERE account = ?1 AND number > ?2 AND at >= ?3 AND at < ?4
ORDER BY number LIMIT ?5;

-- name: places_of_each
-- Where each stands, and what it is called.
SELECT a.id, a.epoch, a.settled_sequence, a.update_count, n.name
FROM accounts a
LEFT JOIN names n ON n.account = a.id AND n.token = CAST(a.id AS TEXT) AND n.kind = 'account'
WHERE a.id = ?;

-- name: updates_of_each
-- The first behind a place of each.
SELECT account, number, at, kind, measure, lot, delta, source, target, lot_after, account_after, cause, reason, actor
FROM balance_updates WHERE account = ?1 AND number > ?2 ORDER BY number LIMIT ?3;

-- name: events_of_each
SELECT account, epoch, sequence, payload FROM usage_events
WHERE account = ?1 AND (epoch, sequence) > (?2, ?3) ORDER BY epoch, sequence LIMIT ?4;

-- name: cells_of_each
SELECT account, name, value FROM settled_cells WHERE account = ?1 LIMIT ?2;

-- name: key_at
SELECT epoch, sequence, key FROM usage_events WHERE account = ? AND epoch = ? AND sequence = ?;

-- name: keys_before
-- The latest first: a hold ends soon after it was opened.
SELECT key FROM usage_events WHERE account = ?1 AND (epoch, sequence) < (?2, ?3)
ORDER BY epoch DESC, sequence DESC LIMIT ?4;

-- name: accounts
SELECT a.id, n.name, p.payload ->> '$.plan', coalesce(p.payload ->> '$.state', 'active'),
       a.version, a.epoch, a.settled_sequence,
       coalesce(b.balance, 0), coalesce(b.owed, 0), coalesce(b.receivable, 0)
FROM accounts a
JOIN profiles p ON p.account = a.id AND p.version = a.version
LEFT JOIN account_balances b ON b.account = a.id AND b.measure = 'credits'
LEFT JOIN names n ON n.account = a.id AND n.token = CAST(a.id AS TEXT) AND n.kind = 'account'
WHERE a.id > ?
ORDER BY a.id LIMIT ?;

-- name: event
SELECT epoch, sequence, payload FROM usage_events WHERE account = ? AND key = ?;

-- name: ordered
SELECT EXISTS (SELECT 1 FROM orders WHERE account = ? AND key = ?);

-- name: charge
SELECT feature, at, subject, amount, legs FROM monetization_events WHERE account = ? AND epoch = ? AND sequence = ?;

-- name: payloads
SELECT payload FROM usage_events WHERE account = ? ORDER BY epoch, sequence;

-- name: events
SELECT account, epoch, sequence, payload FROM usage_events
WHERE (account, epoch, sequence) > (?1, ?2, ?3)
  AND CAST(payload AS TEXT) ->> '$.at' >= ?4 AND CAST(payload AS TEXT) ->> '$.at' < ?5
ORDER BY account, epoch, sequence LIMIT ?6;

-- name: events_of
SELECT account, epoch, sequence, payload FROM usage_events
WHERE account = ?1 AND (epoch, sequence) > (?2, ?3)
  AND CAST(payload AS TEXT) ->> '$.at' >= ?4 AND CAST(payload AS TEXT) ->> '$.at' < ?5
ORDER BY epoch, sequence LIMIT ?6;

-- name: past
-- Lot 0 holds what is owed and advanced, never a balance.
SELECT measure, coalesce(sum(delta) FILTER (WHERE lot > 0), 0),
       coalesce(sum(delta) FILTER (WHERE lot = 0 AND kind IN ('overage', 'refund')), 0),
       coalesce(sum(delta) FILTER (WHERE kind = 'owed'), 0)
FROM balance_updates WHERE account = ?1 AND at <= ?2 AND delta <> 0
GROUP BY measure ORDER BY measure <> 'credits', measure;

-- name: quarantine
SELECT account, epoch, sequence, key, reason, at, counted, payload FROM quarantine
WHERE (account, epoch, sequence, key) > (?, ?, ?, ?)
ORDER BY account, epoch, sequence, key LIMIT ?;

-- name: payload
-- The event of a place, booked or not, with the key it has, or under which it came again.
SELECT payload FROM usage_events WHERE account = ?1 AND epoch = ?2 AND sequence = ?3 AND key IN (?4, ?5)
UNION ALL
SELECT payload FROM quarantine WHERE account = ?1 AND epoch = ?2 AND sequence = ?3 AND key = ?4
LIMIT 1;
