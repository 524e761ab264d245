-- Erasing in the table's file itself, as the owner; PostgreSQL's own.

-- name: patience
SELECT set_config('statement_timeout', '0', false), set_config('lock_timeout', $1, false);

-- name: delete
DELETE FROM names WHERE account = $1;

-- name: is_there
SELECT to_regclass($1) IS NOT NULL;

-- name: delete_words
-- Of acts on other accounts that name this one, what was asked goes.
WITH gone AS (
    SELECT name, convert_to('"' || replace(replace(name, '\', '\\'), '"', '\"') || '"', 'UTF8') AS written
    FROM names WHERE account = $1 AND kind = 'account'
), taken AS (
    DELETE FROM office_words w USING gone
    WHERE w.account = gone.name OR position(gone.written IN w.details) > 0
    RETURNING w.number, w.account, gone.name
)
INSERT INTO office_words (number, account, details) SELECT number, account, '' FROM taken WHERE account <> name;

-- name: delete_bindings
DELETE FROM office_bindings WHERE account IN (SELECT name FROM names WHERE account = $1 AND kind = 'account');

-- name: delete_customers
DELETE FROM office_customers WHERE account = $1;

-- name: note_erasure
INSERT INTO erasures DEFAULT VALUES;

-- name: last_erasure
SELECT max(number) FROM erasures;

-- name: rewrite
-- FULL: without it, a deleted row's bytes stay in the gap of its page until another row happens to need them.
VACUUM (FULL, VERBOSE) spillover_names.names;

-- name: rewrite_words
VACUUM (FULL, VERBOSE) spillover_office.office_words;

-- name: rewrite_bindings
VACUUM (FULL, VERBOSE) spillover_office.office_bindings;

-- name: rewrite_customers
VACUUM (FULL, VERBOSE) spillover_office.office_customers;

-- name: erasures_done
DELETE FROM erasures WHERE number <= $1;
