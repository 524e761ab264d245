-- name: columns
SELECT a.attname::text, format_type(a.atttypid, NULL)
FROM pg_attribute a
WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum;

-- name: make_progress
-- How far each table has come, in the target.
CREATE TABLE IF NOT EXISTS spillover_ledger.moving (
    what text   COLLATE "C" PRIMARY KEY,
    said text   COLLATE "C" NOT NULL,
    rows bigint NOT NULL DEFAULT 0
);

-- name: has_progress
SELECT to_regclass('spillover_ledger.moving') IS NOT NULL;

-- name: begin
INSERT INTO moving (what, said) VALUES ($1, $2) ON CONFLICT DO NOTHING;

-- name: progress
SELECT what, said, rows FROM moving;

-- name: go_on
UPDATE moving SET said = $1, rows = $2 WHERE what = $3 AND said = $4 AND rows = $5 RETURNING 1;

-- name: stands
SELECT said, rows FROM moving WHERE what = $1;

-- name: note
INSERT INTO moving (what, said) VALUES ($1, $2) ON CONFLICT (what) DO UPDATE SET said = excluded.said;

-- name: not_moved
-- Accounts whose present epoch did not begin with that move; what was lost stands behind where they went.
SELECT count(*) FROM accounts a
WHERE NOT EXISTS (
    SELECT 1 FROM epochs e
    WHERE e.account = a.id AND e.epoch = a.epoch
      AND (e.reason = $1::text OR starts_with(e.reason, $1::text || '; lost: '))
);

-- name: moved
-- Why an account's present epoch began, of one that was moved away.
SELECT e.reason FROM accounts a JOIN epochs e ON e.account = a.id AND e.epoch = a.epoch
WHERE starts_with(e.reason, $1::text) LIMIT 1;

-- name: left
SELECT said FROM moving WHERE what = $1;

-- name: make_refusal
CREATE OR REPLACE FUNCTION spillover_ledger.moved() RETURNS trigger LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    RAISE EXCEPTION 'these books were %', TG_ARGV[0] USING ERRCODE = 'restrict_violation';
END
$$;

-- name: refuses
SELECT EXISTS (SELECT 1 FROM pg_trigger WHERE tgrelid = to_regclass('accounts') AND tgname = $1);

-- name: hold_still
-- Who marks the books as left and who opens them again come one after the other.
LOCK TABLE accounts IN SHARE ROW EXCLUSIVE MODE;

-- name: end_numbers
SELECT setval(pg_get_serial_sequence('spillover_ledger.outbox', 'number'), coalesce(max(number), 0) + 1, false)
FROM outbox;
