-- name: waits
SELECT count(*), min(at) FROM waiting;

-- name: refused
SELECT count(*) FROM refused;

-- name: origins
-- Whose policies and accounts these are tells of which service they wait for.
SELECT DISTINCT account, policy FROM waiting ORDER BY account, policy LIMIT ?;
