-- name: session
SELECT set_config('search_path', $1, false), set_config('default_transaction_read_only', 'on', false);

-- name: become
SELECT set_config('role', $1, false);

-- name: known
SELECT to_regclass('spillover.spillover_schema') IS NOT NULL;

-- name: version
SELECT version FROM spillover.spillover_schema WHERE component = 'ledger';

-- name: patient
-- An audit takes its time, and reads to the end what it begins to read.
SELECT set_config('statement_timeout', '0', true), set_config('lock_timeout', '0', true),
       set_config('idle_in_transaction_session_timeout', '0', true), set_config('jit', 'off', true),
       set_config('cursor_tuple_fraction', '1', true);
