-- name: keep
INSERT INTO policies (hash, document, published_at) VALUES (?, ?, ?) ON CONFLICT (hash) DO NOTHING;

-- name: publish
INSERT INTO publications (hash, since, at) VALUES (?, ?, ?);

-- name: in_force
SELECT hash FROM publications WHERE since <= ? ORDER BY number DESC LIMIT 1;

-- name: document
SELECT document FROM policies WHERE hash = ?;

-- name: latest
SELECT max(at) FROM publications;

-- name: publications
SELECT number, hash, since, at FROM publications ORDER BY number;
