-- name: add
INSERT INTO office_sendings (message, endpoint, tries, before, due, leased, state)
SELECT n.message, n.endpoint, 0, 0, n.due, 0, 'waiting'
FROM unnest($1::bigint[], $2::text[], $3::bigint[]) AS n (message, endpoint, due);

-- name: again
INSERT INTO office_sendings (message, endpoint, tries, before, due, leased, state)
VALUES ($1, $2, 0, 0, $3, 0, 'waiting')
ON CONFLICT (message, endpoint) DO UPDATE SET before = office_sendings.tries, due = excluded.due, state = 'waiting';

-- name: of
SELECT message, endpoint, tries, before, due, leased, state FROM office_sendings WHERE message = $1 ORDER BY endpoint;

-- name: endpoints
-- Who has something due, since when, how much of it workers have now, and whether its last try failed.
-- No lease is longer than an hour: one that seems so is of a clock that went wrong, and counts for nothing.
SELECT id, oldest, leased, failing_since FROM (
    SELECT e.id, e.failing_since,
        (SELECT min(s.due) FROM office_sendings s
         WHERE s.endpoint = e.id AND s.state = 'waiting' AND s.due <= $1
            AND (s.leased <= $1 OR s.leased > $1 + 3600000)) AS oldest,
        (SELECT count(*) FROM office_sendings s WHERE s.endpoint = e.id AND s.leased > 0
            AND s.leased > $1 AND s.leased <= $1 + 3600000) AS leased
    FROM office_endpoints e WHERE e.ended = 0 AND e.paused = 0
) AS found
WHERE oldest IS NOT NULL AND leased < $2 ORDER BY leased, oldest;

-- name: due
SELECT message, endpoint, tries, before, due, leased, state FROM office_sendings
WHERE endpoint = $1 AND state = 'waiting' AND due <= $2 AND (leased <= $2 OR leased > $2 + 3600000)
ORDER BY due, message LIMIT $3;

-- name: lease
UPDATE office_sendings SET leased = $3 WHERE message = $1 AND endpoint = $2;

-- name: finish
UPDATE office_sendings SET tries = $5, due = $6, leased = 0, state = $7
WHERE message = $1 AND endpoint = $2 AND leased = $3 AND tries = $4 AND leased > 0 AND state = 'waiting' RETURNING 1;

-- name: resume
-- From the first of its tries on, as if it were new.
UPDATE office_sendings SET due = $2, before = tries WHERE endpoint = $1 AND state = 'waiting'
    AND (leased <= $2 OR leased > $2 + 3600000);

-- name: end
UPDATE office_sendings SET state = 'failed', leased = 0 WHERE endpoint = $1 AND state = 'waiting';

-- name: wait
SELECT count(*) FROM office_sendings WHERE endpoint = $1 AND state = 'waiting';

-- name: waiting
SELECT count(*), coalesce(min(s.due), 0)
FROM office_sendings s JOIN office_endpoints e ON e.id = s.endpoint
WHERE s.state = 'waiting' AND e.ended = 0 AND e.paused = 0;

-- name: drop
DELETE FROM office_sendings WHERE message = $1;

-- name: log
INSERT INTO office_tries (message, endpoint, try, at, status, ms, error) VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: tries
SELECT message, endpoint, try, at, status, ms, error FROM office_tries
WHERE (message, endpoint, try) > ($1, $2, $3) ORDER BY message, endpoint, try LIMIT $4;

-- name: tries_of_message
SELECT message, endpoint, try, at, status, ms, error FROM office_tries
WHERE message = $1 AND (message, endpoint, try) > ($2, $3, $4) ORDER BY message, endpoint, try LIMIT $5;

-- name: tries_of_endpoint
SELECT message, endpoint, try, at, status, ms, error FROM office_tries
WHERE endpoint = $1 AND (message, endpoint, try) > ($2, $3, $4) ORDER BY message, endpoint, try LIMIT $5;

-- name: tries_of_both
SELECT message, endpoint, try, at, status, ms, error FROM office_tries
WHERE message = $1 AND endpoint = $2 AND (message, endpoint, try) > ($3, $4, $5)
ORDER BY message, endpoint, try LIMIT $6;

-- name: drop_tries
DELETE FROM office_tries WHERE message = $1;
