-- name: put_rule
INSERT INTO office_topup_rules (account, below, pack, most, made) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (account) DO UPDATE
SET below = excluded.below, pack = excluded.pack, most = excluded.most, made = excluded.made;

-- name: rule
SELECT account, below, pack, most, made FROM office_topup_rules WHERE account = $1;

-- name: remove_rule
DELETE FROM office_topup_rules WHERE account = $1 RETURNING account;

-- name: rules
SELECT account, below, pack, most, made FROM office_topup_rules WHERE account > $1 ORDER BY account LIMIT $2;

-- name: find
SELECT account, period, number, terms, state, at, note, tries, due FROM office_topups
WHERE account = $1 AND period = $2 AND number = $3;

-- name: open
SELECT account, period, number, terms, state, at, note, tries, due FROM office_topups
WHERE account = $1 AND state = 'wanted';

-- name: last
SELECT coalesce(max(number), 0) FROM office_topups WHERE account = $1 AND period = $2;

-- name: add
INSERT INTO office_topups (account, period, number, pack, terms, state, at, note, tries, due)
VALUES ($1, $2, $3, $4, $5, 'wanted', $6, '', 0, $7);

-- name: page
SELECT account, period, number, terms, state, at, note, tries, due FROM office_topups
WHERE account = $1 AND (period < $2 OR (period = $2 AND number < $3))
ORDER BY period DESC, number DESC LIMIT $4;

-- name: due
SELECT account, period, number, terms, state, at, note, tries, due FROM office_topups
WHERE state = 'wanted' AND due <= $1 ORDER BY due, account LIMIT $2;

-- name: put_off
-- Who saw it as it stood then, and nobody else.
UPDATE office_topups SET due = $6, tries = $7, note = $8
WHERE account = $1 AND period = $2 AND number = $3 AND due = $4 AND tries = $5 AND state = 'wanted'
RETURNING number;

-- name: end
UPDATE office_topups SET state = $4, note = $5
WHERE account = $1 AND period = $2 AND number = $3 AND state = 'wanted' RETURNING number;
