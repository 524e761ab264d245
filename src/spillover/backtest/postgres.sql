-- name: in_force
-- Of those whose time has come, and that were not withdrawn, the one published last.
SELECT document FROM publications JOIN policies USING (hash)
WHERE since <= $1::bigint AND withdraws = 0 AND number NOT IN (SELECT withdraws FROM publications)
ORDER BY number DESC LIMIT 1;

-- name: count
SELECT count(*) FROM usage_events;

-- name: events
-- Each account's in sequence, and all of them about as they happened: an event that came late follows the one before it.
SELECT account, payload
FROM (SELECT account, epoch, sequence, payload,
             max(substring(encode(payload, 'escape') FROM '"at":([0-9]{1,16})')::bigint)
                 OVER (PARTITION BY account ORDER BY epoch, sequence) AS at
      FROM usage_events) e
ORDER BY at, account, epoch, sequence;

-- name: account_names
SELECT account, name FROM names WHERE kind = 'account';

-- name: labels
SELECT token, name FROM names WHERE account = $1::bigint AND kind = 'label';

-- name: denials
SELECT coalesce(sum(count), 0)::bigint FROM denials;
