-- Which hot state these books go with, where it lies apart from them: a server or a Cluster keeps a random id, and the
-- row with the highest number says whose. Engines refuse any other, so that there are never two beside each other.
-- `at` is an instant of the database's clock, in milliseconds since 1970.
CREATE TABLE spillover_ledger.hot_stores (
    number bigint PRIMARY KEY CHECK (number > 0),
    id     text   COLLATE "C" NOT NULL CHECK (id <> ''),
    at     bigint NOT NULL,
    reason text   COLLATE "C" NOT NULL,
    actor  text   COLLATE "C" NOT NULL
);

CREATE TRIGGER stays BEFORE UPDATE OR DELETE ON spillover_ledger.hot_stores
    FOR EACH ROW EXECUTE FUNCTION spillover_ledger.stays('hot_stores');
CREATE TRIGGER stays_whole BEFORE TRUNCATE ON spillover_ledger.hot_stores
    FOR EACH STATEMENT EXECUTE FUNCTION spillover_ledger.stays('hot_stores');

GRANT SELECT, INSERT ON spillover_ledger.hot_stores TO spillover_terms;
GRANT SELECT ON spillover_ledger.hot_stores TO spillover_reads;
