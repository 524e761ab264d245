-- Run once in Spillover's database, as an administrator: its roles, and the login of engines and settlers.
--
-- The login owns nothing and is no superuser. It becomes the role that each piece of work needs (SET ROLE). It may
-- CREATE in this database, so that a newer program can upgrade the schema; take that away if an administrator's login
-- is to upgrade (docs/OPERATING.md). Logins that only read a data set are members of one of the last three.

CREATE ROLE spillover_owner NOLOGIN;
CREATE ROLE spillover_books NOLOGIN;
CREATE ROLE spillover_terms NOLOGIN;
CREATE ROLE spillover_claims NOLOGIN;
CREATE ROLE spillover_reads NOLOGIN;
CREATE ROLE spillover_hot NOLOGIN;
CREATE ROLE spillover_office NOLOGIN;
CREATE ROLE spillover_usage_reads NOLOGIN;
CREATE ROLE spillover_monetization_reads NOLOGIN;
CREATE ROLE spillover_balances_reads NOLOGIN;

CREATE ROLE spillover_app LOGIN;
GRANT spillover_owner, spillover_books, spillover_terms, spillover_claims, spillover_reads, spillover_hot,
    spillover_office TO spillover_app;

DO $$
BEGIN
    EXECUTE format('GRANT CREATE ON DATABASE %I TO spillover_app', current_database());
END
$$;
