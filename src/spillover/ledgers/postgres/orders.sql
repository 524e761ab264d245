-- name: find
SELECT fingerprint, lot, version, answer FROM orders WHERE account = $1 AND key = $2;

-- name: remember
INSERT INTO orders (account, key, fingerprint, lot, version, raised, answer) VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: place
SELECT next_lot, update_count, update_head FROM accounts WHERE id = $1;

-- name: set_place
UPDATE accounts SET next_lot = $2, update_count = $3, update_head = $4 WHERE id = $1;

-- name: add_lot
INSERT INTO lots (account, lot, measure, granted, balance, promotional, effective, expires, priority,
                  paid, currency, tax, reference, granted_at, scope, key)
VALUES ($1, $2, $3, 0, 0, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14);

-- name: lot
SELECT lot, measure, priority, effective, expires, promotional, scope, ended FROM lots WHERE account = $1 AND lot = $2;

-- name: end_lot
UPDATE lots SET ended = $1 WHERE account = $2 AND lot = $3 AND ended = '';

-- name: event
SELECT epoch, sequence, payload FROM usage_events WHERE account = $1 AND key = $2;

-- name: in_quarantine
SELECT reason FROM quarantine WHERE account = $1 AND key = $2;

-- name: refunded
SELECT refunded FROM refunded WHERE account = $1 AND epoch = $2 AND sequence = $3;

-- name: add_refunded
INSERT INTO refunded (account, epoch, sequence, refunded, units) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (account, epoch, sequence) DO UPDATE SET refunded = refunded.refunded + excluded.refunded;

-- name: reference
SELECT reference FROM lots WHERE account = $1 AND lot = $2;
