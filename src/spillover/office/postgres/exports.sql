-- name: last
SELECT account, number, after, until, amount, money, currency, rest, state, reference, at FROM office_exports
WHERE account = $1 ORDER BY number DESC LIMIT 1;

-- name: add
INSERT INTO office_exports (account, number, after, until, amount, money, currency, rest, state, reference, at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);

-- name: page
SELECT account, number, after, until, amount, money, currency, rest, state, reference, at FROM office_exports
WHERE account = $1 AND number > $2 ORDER BY number LIMIT $3;

-- name: unsent
SELECT account, number, after, until, amount, money, currency, rest, state, reference, at FROM office_exports
WHERE state = 'written' ORDER BY at, account, number LIMIT $1;

-- name: sent
UPDATE office_exports SET state = 'sent', reference = $3
WHERE account = $1 AND number = $2 AND state = 'written';
