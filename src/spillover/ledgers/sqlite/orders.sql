-- name: find
SELECT fingerprint, lot, version, answer FROM orders WHERE account = ? AND key = ?;

-- name: remember
INSERT INTO orders (account, key, fingerprint, lot, version, raised, answer) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: place
SELECT next_lot, update_count, update_head FROM accounts WHERE id = ?;

-- name: set_place
UPDATE accounts SET next_lot = ?2, update_count = ?3, update_head = ?4 WHERE id = ?1;

-- name: add_lot
INSERT INTO lots (account, lot, measure, granted, balance, promotional, effective, expires, priority,
                  paid, currency, tax, reference, granted_at, scope, key)
VALUES (?, ?, ?, 0, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: lot
SELECT lot, measure, priority, effective, expires, promotional, scope, ended FROM lots WHERE account = ? AND lot = ?;

-- name: end_lot
UPDATE lots SET ended = ? WHERE account = ? AND lot = ? AND ended = '';

-- name: event
SELECT epoch, sequence, payload FROM usage_events WHERE account = ? AND key = ?;

-- name: in_quarantine
SELECT reason FROM quarantine WHERE account = ? AND key = ?;

-- name: refunded
SELECT refunded FROM refunded WHERE account = ? AND epoch = ? AND sequence = ?;

-- name: add_refunded
INSERT INTO refunded (account, epoch, sequence, refunded, units) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (account, epoch, sequence) DO UPDATE SET refunded = refunded + excluded.refunded;

-- name: reference
SELECT reference FROM lots WHERE account = ? AND lot = ?;
