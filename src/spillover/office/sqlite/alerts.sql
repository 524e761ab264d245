-- name: all
SELECT name, account, kind, of, at, made FROM office_alerts ORDER BY name;

-- name: others
SELECT count(*) FROM office_alerts WHERE name <> ?1;

-- name: put
INSERT INTO office_alerts (name, account, kind, of, at, made) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (name) DO UPDATE SET account = excluded.account, kind = excluded.kind, of = excluded.of,
    at = excluded.at, made = excluded.made;

-- name: drop
DELETE FROM office_alerts WHERE name = ?1 RETURNING 1;
