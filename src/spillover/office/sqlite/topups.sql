-- name: put_rule
INSERT INTO office_topup_rules (account, below, pack, most, made) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (account) DO UPDATE
SET below = excluded.below, pack = excluded.pack, most = excluded.most, made = excluded.made;

-- name: rule
SELECT account, below, pack, most, made FROM office_topup_rules WHERE account = ?1;

-- name: ruled
SELECT account FROM office_topup_rules WHERE account = ?1;

-- name: remove_rule
DELETE FROM office_topup_rules WHERE account = ?1 RETURNING account;

-- name: rules
SELECT account, below, pack, most, made FROM office_topup_rules WHERE account > ?1 ORDER BY account LIMIT ?2;

-- name: full
-- Rules whose newest order is the last that its month, before ?1, had room for, and is paid; with that month.
SELECT r.account, r.below, r.pack, r.most, r.made, t.period FROM office_topup_rules r
JOIN office_topups t ON t.account = r.account AND t.number >= r.most AND t.at >= r.made AND t.state = 'paid'
WHERE r.account > ?2 AND t.period < ?1 AND NOT EXISTS (
    SELECT 1 FROM office_topups newer
    WHERE newer.account = t.account AND (newer.period, newer.number) > (t.period, t.number)
)
ORDER BY r.account LIMIT ?3;

-- name: seen
-- The account, if a watcher has looked at all that is in its books.
SELECT a.id FROM accounts a JOIN office_watched w ON w.account = a.id
WHERE a.id = ?1 AND a.epoch = w.epoch AND a.settled_sequence = w.sequence AND a.update_count = w.updates;

-- name: find
SELECT account, period, number, terms, state, at, note, tries, due FROM office_topups
WHERE account = ?1 AND period = ?2 AND number = ?3;

-- name: open
SELECT account, period, number, terms, state, at, note, tries, due FROM office_topups
WHERE account = ?1 AND state = 'wanted';

-- name: last
SELECT coalesce(max(number), 0) FROM office_topups WHERE account = ?1 AND period = ?2;

-- name: add
INSERT INTO office_topups (account, period, number, pack, terms, state, at, note, tries, due)
VALUES (?1, ?2, ?3, ?4, ?5, 'wanted', ?6, '', 0, ?7);

-- name: page
SELECT account, period, number, terms, state, at, note, tries, due FROM office_topups
WHERE account = ?1 AND (period < ?2 OR (period = ?2 AND number < ?3))
ORDER BY period DESC, number DESC LIMIT ?4;

-- name: due
SELECT account, period, number, terms, state, at, note, tries, due FROM office_topups
WHERE state = 'wanted' AND due <= ?1 ORDER BY due, account LIMIT ?2;

-- name: put_off
-- Who saw it as it stood then, and nobody else.
UPDATE office_topups SET due = ?6, tries = ?7, note = ?8
WHERE account = ?1 AND period = ?2 AND number = ?3 AND due = ?4 AND tries = ?5 AND state = 'wanted'
RETURNING number;

-- name: end
UPDATE office_topups SET state = ?4, note = ?5
WHERE account = ?1 AND period = ?2 AND number = ?3 AND state = 'wanted' RETURNING number;
