-- The hot state that lies in the books' own database, where it does: asked of tables that may not be there.

-- name: there
SELECT to_regclass('hot_accounts') IS NOT NULL;

-- name: in_use
SELECT EXISTS (SELECT 1 FROM hot_accounts);
