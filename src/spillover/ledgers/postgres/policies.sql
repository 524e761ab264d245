-- name: keep
INSERT INTO policies (hash, document, published_at) VALUES ($1, $2, $3) ON CONFLICT (hash) DO NOTHING;

-- name: publish
INSERT INTO publications (number, hash, since, at, reason, actor, withdraws) VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: in_force
SELECT hash FROM publications
WHERE since <= $1 AND withdraws = 0 AND number NOT IN (SELECT withdraws FROM publications)
ORDER BY number DESC LIMIT 1;

-- name: document
SELECT document FROM policies WHERE hash = $1;

-- name: latest
SELECT max(at) FROM publications;

-- name: publications
SELECT number, hash, since, at, reason, actor, withdraws FROM publications ORDER BY number;
