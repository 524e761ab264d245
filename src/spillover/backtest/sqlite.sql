-- name: in_force
-- Of those whose time has come, and that were not withdrawn, the one published last.
SELECT document FROM publications JOIN policies USING (hash)
WHERE since <= ? AND withdraws = 0 AND number NOT IN (SELECT withdraws FROM publications)
ORDER BY number DESC LIMIT 1;

-- name: count
SELECT count(*) FROM usage_events;

-- name: events
-- In the order in which they were booked: each account's in sequence, and all of them about as they happened.
SELECT account, payload FROM usage_events ORDER BY rowid;

-- name: account_names
SELECT account, name FROM names WHERE kind = 'account';

-- name: labels
SELECT token, name FROM names WHERE account = ? AND kind = 'label';

-- name: denials
SELECT coalesce(sum(count), 0) FROM denials;
