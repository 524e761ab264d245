-- name: session
SELECT set_config('search_path', $1, false), set_config('default_transaction_read_only', 'on', false);

-- name: become
SELECT set_config('role', $1, false);

-- name: known
SELECT to_regclass('spillover.spillover_schema') IS NOT NULL;

-- name: version
SELECT version FROM spillover.spillover_schema WHERE component = 'ledger';

-- name: patient
-- An audit takes its time, and reads to the end what it begins to read. Not every server knows all of these.
SELECT set_config(name, CASE name WHEN 'jit' THEN 'off' WHEN 'cursor_tuple_fraction' THEN '1' ELSE '0' END, true)
FROM pg_settings
WHERE name IN ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout', 'jit',
               'cursor_tuple_fraction');
