-- What a batch stands on, read before the lock. Every statement is run once for each key of the batch.

-- name: place
SELECT id, epoch, settled_sequence, settled_version, version, usage_count, usage_head, charge_count, charge_head,
       update_count, update_head
FROM accounts WHERE id = ?;

-- name: lot
SELECT account, lot, measure, granted, balance, spent, expired, revoked FROM lots WHERE account = ? AND lot = ?;

-- name: balance
SELECT account, measure, granted, spent, gone, balance, receivable, owed FROM account_balances WHERE account = ? AND measure = ?;

-- name: cell
SELECT account, name, value FROM settled_cells WHERE account = ? AND name = ?;

-- name: hold
SELECT account, id, record FROM settled_holds WHERE account = ? AND id = ?;

-- name: raised
-- What the ledger has ordered lots to be raised by with that version.
SELECT account, version, raised FROM orders WHERE account = ? AND version = ?;

-- name: booked
SELECT account, key, epoch, sequence, payload FROM usage_events WHERE account = ? AND key = ?;

-- name: quarantined
SELECT account, epoch, sequence, key, payload FROM quarantine
WHERE account = ? AND epoch = ? AND sequence = ? AND key = ?;

-- What is written, under the lock.

-- name: still
-- A settler moves the sequence, a grant the number of updates, a rebuild the epoch.
SELECT id, epoch, settled_sequence, update_count FROM accounts WHERE id = ?;

-- name: add_usage
INSERT INTO usage_events (account, epoch, sequence, key, payload, hash) VALUES (?, ?, ?, ?, ?, ?);

-- name: add_charge
INSERT INTO monetization_events (account, number, epoch, sequence, feature, at, subject, amount, legs, hash)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: add_update
INSERT INTO balance_updates (account, number, kind, measure, lot, delta, source, target, lot_after, account_after,
                             cause, reason, actor, at, hash)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: add_quarantine
INSERT INTO quarantine (account, epoch, sequence, key, payload, reason, at, counted, applied)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING;

-- name: set_place
UPDATE accounts SET settled_sequence = ?, settled_version = ?, usage_count = ?, usage_head = ?, charge_count = ?,
                    charge_head = ?, update_count = ?, update_head = ?
WHERE id = ?;

-- name: set_lot
UPDATE lots SET granted = ?, balance = ?, spent = ?, expired = ?, revoked = ? WHERE account = ? AND lot = ?;

-- name: put_balance
INSERT INTO account_balances (account, measure, granted, spent, gone, balance, receivable, owed)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (account, measure) DO UPDATE SET
    granted = excluded.granted, spent = excluded.spent, gone = excluded.gone, balance = excluded.balance,
    receivable = excluded.receivable, owed = excluded.owed;

-- name: put_hold
INSERT INTO settled_holds (account, id, due, record) VALUES (?, ?, ?, ?)
ON CONFLICT (account, id) DO UPDATE SET due = excluded.due, record = excluded.record;

-- name: drop_hold
DELETE FROM settled_holds WHERE account = ? AND id = ?;

-- name: put_cell
INSERT INTO settled_cells (account, name, value) VALUES (?, ?, ?)
ON CONFLICT (account, name) DO UPDATE SET value = excluded.value;

-- name: drop_cell
DELETE FROM settled_cells WHERE account = ? AND name = ?;
