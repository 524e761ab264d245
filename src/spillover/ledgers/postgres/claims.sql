-- Who works on what. Instants are of the database's clock, in milliseconds since 1970.

-- name: beat
INSERT INTO settlers (owner, until)
VALUES ($1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint + $2)
ON CONFLICT (owner) DO UPDATE SET until = excluded.until;

-- name: bury
DELETE FROM settlers WHERE until <= (extract(epoch FROM clock_timestamp()) * 1000)::bigint;

-- name: free
-- What nobody alive holds, and what is beyond the number of shards.
DELETE FROM claims WHERE shard >= $1 OR until <= (extract(epoch FROM clock_timestamp()) * 1000)::bigint
                     OR owner NOT IN (SELECT owner FROM settlers);

-- name: give_back
-- All above an even share, rounded up.
DELETE FROM claims WHERE owner = $1 AND shard NOT IN (
    SELECT shard FROM claims WHERE owner = $1 ORDER BY shard
    LIMIT (SELECT ($2 + count(*) - 1) / count(*) FROM settlers));

-- name: renew
UPDATE claims SET until = (extract(epoch FROM clock_timestamp()) * 1000)::bigint + $2 WHERE owner = $1;

-- name: take
INSERT INTO claims (shard, owner, until)
SELECT shard, $1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint + $2
FROM generate_series(0, $3 - 1) AS all_of (shard)
WHERE NOT EXISTS (SELECT 1 FROM claims c WHERE c.shard = all_of.shard)
ORDER BY shard
LIMIT (SELECT ($3 + count(*) - 1) / count(*) FROM settlers) - (SELECT count(*) FROM claims WHERE owner = $1);

-- name: mine
SELECT shard FROM claims WHERE owner = $1 ORDER BY shard;

-- name: leave
DELETE FROM settlers WHERE owner = $1;

-- name: drop
DELETE FROM claims WHERE owner = $1;
