-- name: keep
INSERT INTO policies (hash, document, published_at) VALUES (?, ?, ?) ON CONFLICT (hash) DO NOTHING;

-- name: publish
INSERT INTO publications (number, hash, since, at, reason, actor, withdraws) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: in_force
SELECT hash FROM publications
WHERE since <= ? AND withdraws = 0 AND number NOT IN (SELECT withdraws FROM publications)
ORDER BY number DESC LIMIT 1;

-- name: document
SELECT document FROM policies WHERE hash = ?;

-- name: latest
SELECT max(at) FROM publications;

-- name: publications
SELECT number, hash, since, at, reason, actor, withdraws FROM publications ORDER BY number;
