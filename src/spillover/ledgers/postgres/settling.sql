-- What a batch stands on, read before the lock. Every statement has an array for each column of its keys or rows.

-- name: place
SELECT id, epoch, settled_sequence, settled_version, version, usage_count, usage_head, charge_count, charge_head,
       update_count, update_head
FROM unnest($1::bigint[]) AS wanted (account) JOIN accounts a ON a.id = wanted.account;

-- name: lot
SELECT l.account, l.lot, l.measure, l.granted, l.balance, l.spent, l.expired, l.revoked
FROM unnest($1::bigint[], $2::bigint[]) AS wanted (account, lot)
JOIN lots l ON l.account = wanted.account AND l.lot = wanted.lot;

-- name: balance
SELECT b.account, b.measure, b.granted, b.spent, b.gone, b.balance, b.receivable, b.owed
FROM unnest($1::bigint[], $2::text[]) AS wanted (account, measure)
JOIN account_balances b ON b.account = wanted.account AND b.measure = wanted.measure;

-- name: cell
SELECT c.account, c.name, c.value
FROM unnest($1::bigint[], $2::text[]) AS wanted (account, name)
JOIN settled_cells c ON c.account = wanted.account AND c.name = wanted.name;

-- name: hold
SELECT h.account, h.id, h.record
FROM unnest($1::bigint[], $2::text[]) AS wanted (account, id)
JOIN settled_holds h ON h.account = wanted.account AND h.id = wanted.id;

-- name: raised
-- What the ledger has ordered lots to be raised by with that version.
SELECT o.account, o.version, o.raised
FROM unnest($1::bigint[], $2::bigint[]) AS wanted (account, version)
JOIN orders o ON o.account = wanted.account AND o.version = wanted.version;

-- name: booked
SELECT e.account, e.key, e.epoch, e.sequence, e.payload
FROM unnest($1::bigint[], $2::text[]) AS wanted (account, key)
JOIN usage_events e ON e.account = wanted.account AND e.key = wanted.key;

-- name: quarantined
SELECT q.account, q.epoch, q.sequence, q.key, q.payload
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[]) AS wanted (account, epoch, sequence, key)
JOIN quarantine q ON q.account = wanted.account AND q.epoch = wanted.epoch AND q.sequence = wanted.sequence
                 AND q.key = wanted.key;

-- What is written, under the lock.

-- name: still
-- A settler moves the sequence, a grant the number of updates, a rebuild the epoch.
SELECT a.id, a.epoch, a.settled_sequence, a.update_count
FROM unnest($1::bigint[]) AS wanted (id) JOIN accounts a ON a.id = wanted.id;

-- name: add_usage
INSERT INTO usage_events (account, epoch, sequence, key, payload, hash)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::bytea[], $6::bytea[]);

-- name: add_charge
INSERT INTO monetization_events (account, number, epoch, sequence, feature, at, subject, amount, legs, hash)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[], $7::text[],
                     $8::bigint[], $9::text[], $10::bytea[]);

-- name: add_update
INSERT INTO balance_updates (account, number, kind, measure, lot, delta, source, target, lot_after, account_after,
                             cause, reason, actor, at, hash)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::text[],
                     $8::text[], $9::bigint[], $10::bigint[], $11::text[], $12::text[], $13::text[], $14::bigint[],
                     $15::bytea[]);

-- name: add_quarantine
INSERT INTO quarantine (account, epoch, sequence, key, payload, reason, at, counted, applied)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::bytea[], $6::text[], $7::bigint[],
                     $8::bigint[], $9::bigint[])
ON CONFLICT DO NOTHING;

-- name: set_place
UPDATE accounts a SET settled_sequence = new.settled_sequence, settled_version = new.settled_version,
                      usage_count = new.usage_count, usage_head = new.usage_head, charge_count = new.charge_count,
                      charge_head = new.charge_head, update_count = new.update_count, update_head = new.update_head
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bytea[], $5::bigint[], $6::bytea[], $7::bigint[],
            $8::bytea[], $9::bigint[])
     AS new (settled_sequence, settled_version, usage_count, usage_head, charge_count, charge_head, update_count,
             update_head, id)
WHERE a.id = new.id;

-- name: set_lot
UPDATE lots l SET granted = new.granted, balance = new.balance, spent = new.spent, expired = new.expired,
                  revoked = new.revoked
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
     AS new (granted, balance, spent, expired, revoked, account, lot)
WHERE l.account = new.account AND l.lot = new.lot;

-- name: put_balance
INSERT INTO account_balances (account, measure, granted, spent, gone, balance, receivable, owed)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
                     $8::bigint[])
ON CONFLICT (account, measure) DO UPDATE SET
    granted = excluded.granted, spent = excluded.spent, gone = excluded.gone, balance = excluded.balance,
    receivable = excluded.receivable, owed = excluded.owed;

-- name: put_hold
INSERT INTO settled_holds (account, id, due, record)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bytea[])
ON CONFLICT (account, id) DO UPDATE SET due = excluded.due, record = excluded.record;

-- name: drop_hold
DELETE FROM settled_holds h USING unnest($1::bigint[], $2::text[]) AS ended (account, id)
WHERE h.account = ended.account AND h.id = ended.id;

-- name: put_cell
INSERT INTO settled_cells (account, name, value)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[])
ON CONFLICT (account, name) DO UPDATE SET value = excluded.value;

-- name: drop_cell
DELETE FROM settled_cells c USING unnest($1::bigint[], $2::text[]) AS zero (account, name)
WHERE c.account = zero.account AND c.name = zero.name;
