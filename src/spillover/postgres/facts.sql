-- name: there
SELECT to_regclass('spillover.spillover_schema') IS NOT NULL;

-- name: facts
-- What a look at the server tells: version, its clock (ms), size of this database, sessions, and what strict needs.
SELECT current_setting('server_version'),
       (extract(epoch FROM clock_timestamp()) * 1000)::bigint,
       pg_database_size(current_database()),
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
       current_setting('max_connections')::bigint,
       CASE WHEN current_setting('fsync') <> 'on' THEN 'fsync'
            WHEN current_setting('full_page_writes') <> 'on' THEN 'full_page_writes' ELSE '' END;

-- name: stream
SELECT n_live_tup, n_dead_tup FROM pg_stat_all_tables WHERE schemaname = 'spillover_hot' AND relname = 'stream';

-- name: identity
SELECT (SELECT system_identifier FROM pg_control_system()) || ':' || (SELECT oid FROM pg_database WHERE datname = current_database());
