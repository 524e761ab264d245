-- name: find
SELECT fingerprint, lot FROM grants WHERE account = ? AND key = ?;

-- name: remember
INSERT INTO grants (account, key, fingerprint, lot) VALUES (?, ?, ?, ?);

-- name: place
SELECT next_lot, update_count, update_head FROM accounts WHERE id = ?;

-- name: set_place
UPDATE accounts SET next_lot = ?2, update_count = ?3, update_head = ?4 WHERE id = ?1;

-- name: balance
SELECT granted, balance FROM account_balances WHERE account = ? AND measure = ?;

-- name: raise_balance
INSERT INTO account_balances (account, measure, granted, balance) VALUES (?1, ?2, ?3, ?3)
ON CONFLICT (account, measure) DO UPDATE SET granted = granted + excluded.granted, balance = balance + excluded.balance;

-- name: add_lot
INSERT INTO lots (account, lot, measure, granted, balance, promotional, effective, expires, priority,
                  paid, currency, tax, reference, granted_at)
VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13);

-- name: lot
SELECT lot, measure, priority, effective, expires, promotional FROM lots WHERE account = ? AND lot = ?;

-- name: add_update
INSERT INTO balance_updates (account, number, kind, measure, lot, delta, source, target, lot_after, account_after,
                             cause, reason, actor, at, hash)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);
