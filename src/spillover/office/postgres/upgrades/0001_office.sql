-- The office in PostgreSQL: the same tables and columns as in SQLite (office/sqlite/upgrades), where each is described.

CREATE TABLE spillover_office.office_keys (
    id       text   COLLATE "C" PRIMARY KEY,
    number   bigint NOT NULL UNIQUE CHECK (number > 0),
    name     text   COLLATE "C" NOT NULL,
    scopes   text   COLLATE "C" NOT NULL,
    secrets  text   COLLATE "C" NOT NULL,
    features text   COLLATE "C" NOT NULL,
    bound    bigint NOT NULL CHECK (bound >= 0),
    revoked  bigint NOT NULL,
    created  bigint NOT NULL
);

CREATE TABLE spillover_office.office_bindings (
    key     text   COLLATE "C" NOT NULL,
    place   bigint NOT NULL CHECK (place >= 0),
    account text   COLLATE "C" NOT NULL,
    PRIMARY KEY (key, place)
);

CREATE TABLE spillover_office.office_acts (
    number  bigint PRIMARY KEY CHECK (number > 0),
    mark    bytea  NOT NULL UNIQUE,
    at      bigint NOT NULL,
    actor   text   COLLATE "C" NOT NULL,
    verb    text   COLLATE "C" NOT NULL,
    reason  text   COLLATE "C" NOT NULL,
    outcome text   COLLATE "C" NOT NULL DEFAULT '',
    ended   bigint NOT NULL DEFAULT 0
);

CREATE TABLE spillover_office.office_words (
    number  bigint PRIMARY KEY,
    account text   COLLATE "C" NOT NULL,
    details bytea  NOT NULL
);
CREATE INDEX office_words_of_account ON spillover_office.office_words (account, number);

-- Else samples of names would stand in the planner's statistics, which no erasure reaches.
ALTER TABLE spillover_office.office_bindings ALTER COLUMN account SET STATISTICS 0;
ALTER TABLE spillover_office.office_words
    ALTER COLUMN account SET STATISTICS 0,
    ALTER COLUMN details SET STATISTICS 0;

CREATE TABLE spillover_office.office_signing (
    number bigint PRIMARY KEY CHECK (number = 1),
    secret bytea  NOT NULL CHECK (length(secret) >= 32)
);

-- Append-only, also for the owner: of an act only its ending is written, once.
-- Triggers have names of their own: the ledger's first script looks for all that are called `stays`.
CREATE FUNCTION spillover_office.stays() RETURNS trigger LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'office_acts' THEN
        IF OLD.outcome = '' AND NEW.outcome <> ''
            AND (NEW.number, NEW.mark, NEW.at, NEW.actor, NEW.verb, NEW.reason)
                = (OLD.number, OLD.mark, OLD.at, OLD.actor, OLD.verb, OLD.reason) THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION '% is append-only: a row is never %', TG_TABLE_NAME,
        CASE TG_OP WHEN 'UPDATE' THEN 'changed, but for the ending of an act, once' ELSE 'deleted' END
        USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER office_stays BEFORE UPDATE OR DELETE ON spillover_office.office_acts
    FOR EACH ROW EXECUTE FUNCTION spillover_office.stays();
CREATE TRIGGER office_stays_whole BEFORE TRUNCATE ON spillover_office.office_acts
    FOR EACH STATEMENT EXECUTE FUNCTION spillover_office.stays();
CREATE TRIGGER office_stays BEFORE UPDATE ON spillover_office.office_words
    FOR EACH ROW EXECUTE FUNCTION spillover_office.stays();

-- Words and the names of bindings are deleted by the owner, when an account is erased.
GRANT USAGE ON SCHEMA spillover_office TO spillover_office;
GRANT SELECT, INSERT, UPDATE ON spillover_office.office_keys TO spillover_office;
GRANT SELECT, INSERT, DELETE ON spillover_office.office_bindings TO spillover_office;
GRANT SELECT, INSERT ON spillover_office.office_acts, spillover_office.office_words, spillover_office.office_signing
    TO spillover_office;
GRANT UPDATE (outcome, ended) ON spillover_office.office_acts TO spillover_office;
