-- Erasing in the file itself; SQLite's own, which no other database has.

-- name: keep_others
CREATE TEMP TABLE kept AS SELECT account, token, kind, name FROM names WHERE account <> ? ORDER BY account, token;

-- name: empty
-- Without WHERE: every page of the table is freed, and overwritten with zeros (secure_delete).
DELETE FROM names;

-- name: put_back
INSERT INTO names (account, token, kind, name) SELECT account, token, kind, name FROM kept;

-- name: keep_other_words
-- Of acts on other accounts that name this one, what was asked goes.
CREATE TEMP TABLE kept AS
WITH gone AS (
    SELECT name, CAST('"' || replace(replace(name, '\', '\\'), '"', '\"') || '"' AS BLOB) AS written
    FROM names WHERE account = ? AND kind = 'account'
)
SELECT w.number, w.account, iif(gone.written IS NOT NULL, x'', w.details) AS details
FROM office_words w LEFT JOIN gone ON instr(w.details, gone.written) > 0
WHERE w.account NOT IN (SELECT name FROM gone) ORDER BY w.number;

-- name: empty_words
DELETE FROM office_words;

-- name: put_back_words
INSERT INTO office_words (number, account, details) SELECT number, account, details FROM kept;

-- name: keep_other_bindings
CREATE TEMP TABLE kept AS SELECT key, place, account FROM office_bindings
WHERE account NOT IN (SELECT name FROM names WHERE account = ? AND kind = 'account') ORDER BY key, place;

-- name: empty_bindings
DELETE FROM office_bindings;

-- name: put_back_bindings
INSERT INTO office_bindings (key, place, account) SELECT key, place, account FROM kept;

-- name: keep_other_customers
-- What payment providers call other accounts.
CREATE TEMP TABLE kept AS SELECT account, provider, customer FROM office_customers
WHERE account <> ? ORDER BY account, provider;

-- name: empty_customers
DELETE FROM office_customers;

-- name: put_back_customers
INSERT INTO office_customers (account, provider, customer) SELECT account, provider, customer FROM kept;

-- name: drop_kept
DROP TABLE temp.kept;

-- name: note_erasure
INSERT INTO erasures DEFAULT VALUES;

-- name: last_erasure
SELECT max(number) FROM erasures;

-- name: erasures_done
DELETE FROM erasures WHERE number <= ?;
