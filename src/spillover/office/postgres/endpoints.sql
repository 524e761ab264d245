-- name: find
SELECT id, url, secrets, types, accounts, note, made, failing_since, paused, ended FROM office_endpoints WHERE id = $1;

-- name: all
SELECT id, url, secrets, types, accounts, note, made, failing_since, paused, ended FROM office_endpoints
ORDER BY number;

-- name: live
SELECT id, url, secrets, types, accounts, note, made, failing_since, paused, ended FROM office_endpoints
WHERE ended = 0 ORDER BY number;

-- name: others
SELECT count(*) FROM office_endpoints WHERE ended = 0 AND id <> $1;

-- name: add
INSERT INTO office_endpoints (id, number, url, secrets, types, accounts, note, ended, made, failing_since, paused)
SELECT $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5, $6, $7, $8, $9, $10 FROM office_endpoints;

-- name: change
-- What has ended stays so, also if somebody read it before and changes it after.
UPDATE office_endpoints SET url = $2, secrets = $3, types = $4, accounts = $5, note = $6,
    ended = CASE WHEN ended = 0 THEN $7 ELSE ended END
WHERE id = $1;

-- name: pause
UPDATE office_endpoints SET paused = $2 WHERE id = $1 AND paused = 0 AND ended = 0 RETURNING 1;

-- name: resume
UPDATE office_endpoints SET paused = 0, failing_since = 0 WHERE id = $1 AND ended = 0 RETURNING 1;

-- name: well
UPDATE office_endpoints SET failing_since = 0 WHERE id = $1 AND failing_since <> 0;

-- name: failing
UPDATE office_endpoints SET failing_since = $2 WHERE id = $1 AND failing_since = 0;
