-- name: bind
INSERT INTO office_customers (account, provider, customer) VALUES ($1, $2, $3)
ON CONFLICT (account, provider) DO UPDATE SET customer = excluded.customer;

-- name: unbind
-- A customer is one account: the newest that said so.
DELETE FROM office_customers WHERE provider = $1 AND customer = $2 AND account <> $3;

-- name: of
SELECT customer FROM office_customers WHERE account = $1 AND provider = $2;

-- name: account_of
SELECT account FROM office_customers WHERE provider = $1 AND customer = $2;

-- name: page
SELECT account, customer FROM office_customers WHERE provider = $1 AND account > $2 ORDER BY account LIMIT $3;
