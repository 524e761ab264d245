-- name: find
SELECT id, name, scopes, secrets, features, bound, revoked, created FROM office_keys WHERE id = ?;

-- name: all
SELECT id, name, scopes, secrets, features, bound, revoked, created FROM office_keys ORDER BY number;

-- name: add
INSERT INTO office_keys (id, number, name, scopes, secrets, features, bound, revoked, created)
SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 FROM office_keys;

-- name: change
UPDATE office_keys SET name = ?2, scopes = ?3, secrets = ?4, features = ?5, bound = ?6, revoked = ?7, created = ?8
WHERE id = ?1;

-- name: bindings
SELECT key, place, account FROM office_bindings WHERE key = ?;

-- name: all_bindings
SELECT key, place, account FROM office_bindings;

-- name: bind
INSERT INTO office_bindings (key, place, account) VALUES (?, ?, ?);

-- name: unbind
DELETE FROM office_bindings WHERE key = ?;
