-- name: columns
SELECT name FROM pragma_table_info(?) ORDER BY cid;

-- name: make_progress
-- How far each table has come, in the target.
CREATE TABLE IF NOT EXISTS moving (what TEXT PRIMARY KEY, said TEXT NOT NULL, rows INTEGER NOT NULL DEFAULT 0) STRICT;

-- name: begin
INSERT INTO moving (what, said) VALUES (?, ?) ON CONFLICT DO NOTHING;

-- name: progress
SELECT what, said, rows FROM moving;

-- name: go_on
UPDATE moving SET said = ?, rows = ? WHERE what = ? AND said = ? AND rows = ? RETURNING 1;

-- name: note
INSERT INTO moving (what, said) VALUES (?, ?) ON CONFLICT (what) DO UPDATE SET said = excluded.said;

-- name: not_moved
-- Accounts whose present epoch did not begin with that move; what was lost stands behind where they went.
SELECT count(*) FROM accounts a
WHERE NOT EXISTS (
    SELECT 1 FROM epochs e
    WHERE e.account = a.id AND e.epoch = a.epoch
      AND (e.reason = ?1 OR substr(e.reason, 1, length(?1) + 8) = ?1 || '; lost: ')
);

-- name: moved
-- Why an account's present epoch began, of one that was moved away.
SELECT e.reason FROM accounts a JOIN epochs e ON e.account = a.id AND e.epoch = a.epoch
WHERE substr(e.reason, 1, length(?1)) = ?1 LIMIT 1;

-- name: left
SELECT said FROM moving WHERE what = ?;

-- name: refuses
SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND name = ?;
