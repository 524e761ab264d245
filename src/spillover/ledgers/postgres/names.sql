-- name: find_account
SELECT account FROM names WHERE kind = 'account' AND name = $1;

-- name: name_of
SELECT name FROM names WHERE account = $1 AND token = $1::bigint::text AND kind = 'account';

-- name: add
INSERT INTO names (account, token, kind, name)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[]);

-- name: find_label
SELECT n.name, n.token FROM unnest($1::bigint[], $2::text[]) AS wanted (account, name)
JOIN names n ON n.account = wanted.account AND n.name = wanted.name AND n.kind = 'label';

-- name: labels
SELECT token, name FROM names WHERE account = $1 AND kind = 'label';

-- name: count_labels
SELECT count(*) FROM names WHERE account = $1 AND kind = 'label';

-- name: label
SELECT n.token, n.name FROM unnest($1::bigint[], $2::text[]) AS wanted (account, token)
JOIN names n ON n.account = wanted.account AND n.token = wanted.token AND n.kind = 'label';
