-- name: find
SELECT secret FROM office_signing WHERE number = 1;

-- name: add
-- Who is second changes nothing.
INSERT INTO office_signing (number, secret) VALUES (1, $1) ON CONFLICT (number) DO NOTHING;
