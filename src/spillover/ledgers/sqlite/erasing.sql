-- Erasing in the file itself; SQLite's own, which no other database has.

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
