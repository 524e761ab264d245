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

-- name: keep_others
CREATE TEMP TABLE kept AS SELECT account, token, kind, name FROM names WHERE account <> ? ORDER BY account, token;

-- name: empty
-- Without WHERE: every page of the table is freed, and overwritten with zeros (secure_delete).
DELETE FROM names;

-- name: put_back
INSERT INTO names (account, token, kind, name) SELECT account, token, kind, name FROM kept;

-- name: drop_kept
DROP TABLE temp.kept;

-- name: note_erasure
INSERT INTO erasures DEFAULT VALUES;

-- name: last_erasure
SELECT max(number) FROM erasures;

-- name: erasures_done
DELETE FROM erasures WHERE number <= ?;
