-- name: server
SELECT current_setting('server_encoding'), current_setting('fsync'), current_setting('full_page_writes'),
       current_setting('synchronous_commit'), session_user;

-- name: limits
-- Generic plans: a batch's arrays are of any length, and planning again over partitions costs more than running.
-- Nearly every statement finds its rows by an index. A plan is made once a session, perhaps while the tables are empty
-- and reading them whole looks cheap; a minute later that plan would read millions of rows.
SELECT set_config('search_path', $1, false),
       set_config('statement_timeout', $2, false),
       set_config('lock_timeout', $2, false),
       set_config('idle_in_transaction_session_timeout', $2, false),
       set_config('synchronous_commit', $3, false),
       set_config('plan_cache_mode', 'force_generic_plan', false),
       set_config('jit', 'off', false),
       set_config('enable_seqscan', 'off', false),
       set_config('enable_bitmapscan', 'off', false),
       set_config('enable_hashjoin', 'off', false),
       set_config('enable_mergejoin', 'off', false);

-- name: become
SELECT set_config('role', $1, false);

-- name: known
-- From the tables, not by to_regclass: while this waited for another's upgrade, the session's own cache grew old.
SELECT EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname = 'spillover' AND c.relname = 'spillover_schema');

-- name: versions
SELECT component, version FROM spillover.spillover_schema;
