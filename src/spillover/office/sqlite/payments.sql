-- name: keep
-- Who was first stays: a payment is for one account.
INSERT INTO office_payments (provider, reference, account) VALUES (?1, ?2, ?3)
ON CONFLICT (provider, reference) DO NOTHING;

-- name: account_of
SELECT account FROM office_payments WHERE provider = ?1 AND reference = ?2;
