-- name: find_account
SELECT account FROM names WHERE kind = 'account' AND name = ?;

-- name: name_of
SELECT name FROM names WHERE account = ?1 AND token = CAST(?1 AS TEXT) AND kind = 'account';

-- name: add
INSERT INTO names (account, token, kind, name) VALUES (?, ?, ?, ?);

-- name: find_label
SELECT name, token FROM names WHERE account = ? AND kind = 'label' AND name = ?;

-- name: labels
SELECT token, name FROM names WHERE account = ? AND kind = 'label';

-- name: count_labels
SELECT count(*) FROM names WHERE account = ? AND kind = 'label';

-- name: label
SELECT token, name FROM names WHERE account = ? AND token = ? AND kind = 'label';
