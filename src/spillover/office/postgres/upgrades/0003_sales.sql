-- Selling in PostgreSQL: the same tables and columns as in SQLite (office/sqlite/upgrades), where each is described.

CREATE TABLE spillover_office.office_customers (
    account  bigint NOT NULL,
    provider text   COLLATE "C" NOT NULL,
    customer text   COLLATE "C" NOT NULL,
    PRIMARY KEY (account, provider)
);
CREATE UNIQUE INDEX office_customers_of_providers ON spillover_office.office_customers (provider, customer);
-- Else samples of customers would stand in the planner's statistics, which no erasure reaches.
ALTER TABLE spillover_office.office_customers ALTER COLUMN customer SET STATISTICS 0;

CREATE TABLE spillover_office.office_payments (
    provider  text   COLLATE "C" NOT NULL,
    reference text   COLLATE "C" NOT NULL,
    account   bigint NOT NULL,
    PRIMARY KEY (provider, reference)
);

CREATE TABLE spillover_office.office_topup_rules (
    account bigint PRIMARY KEY,
    below   bigint NOT NULL CHECK (below >= 0 AND below < 9007199254740992),
    pack    text   COLLATE "C" NOT NULL,
    most    bigint NOT NULL CHECK (most > 0),
    made    bigint NOT NULL
);

CREATE TABLE spillover_office.office_topups (
    account bigint NOT NULL,
    period  text   COLLATE "C" NOT NULL,
    number  bigint NOT NULL CHECK (number > 0),
    pack    text   COLLATE "C" NOT NULL,
    terms   text   COLLATE "C" NOT NULL,
    state   text   COLLATE "C" NOT NULL CHECK (state IN ('wanted', 'paid', 'failed')),
    at      bigint NOT NULL,
    note    text   COLLATE "C" NOT NULL,
    tries   bigint NOT NULL CHECK (tries >= 0),
    due     bigint NOT NULL,
    PRIMARY KEY (account, period, number)
);
CREATE UNIQUE INDEX office_topups_open ON spillover_office.office_topups (account) WHERE state = 'wanted';
CREATE INDEX office_topups_due ON spillover_office.office_topups (due) WHERE state = 'wanted';

CREATE TABLE spillover_office.office_exports (
    account   bigint NOT NULL,
    number    bigint NOT NULL CHECK (number > 0),
    after     bigint NOT NULL CHECK (after >= 0),
    until     bigint NOT NULL CHECK (until > after),
    amount    bigint NOT NULL,
    money     bigint NOT NULL,
    currency  text   COLLATE "C" NOT NULL,
    rest      text   COLLATE "C" NOT NULL,
    state     text   COLLATE "C" NOT NULL CHECK (state IN ('written', 'sent')),
    reference text   COLLATE "C" NOT NULL,
    at        bigint NOT NULL,
    PRIMARY KEY (account, number),
    UNIQUE (account, after)
);
CREATE INDEX office_exports_unsent ON spillover_office.office_exports (at, account, number) WHERE state = 'written';

-- Append-only, also for the owner: of an order its tries and its ending are written, of an export that it was sent.
CREATE FUNCTION spillover_office.sales_stay() RETURNS trigger LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'office_topups' THEN
        IF OLD.state = 'wanted' AND (NEW.account, NEW.period, NEW.number, NEW.pack, NEW.terms, NEW.at)
            = (OLD.account, OLD.period, OLD.number, OLD.pack, OLD.terms, OLD.at) THEN
            RETURN NEW;
        END IF;
    ELSIF TG_OP = 'UPDATE' THEN
        IF OLD.state = 'written' AND NEW.state = 'sent'
            AND (NEW.account, NEW.number, NEW.after, NEW.until, NEW.amount, NEW.money, NEW.currency, NEW.rest, NEW.at)
                = (OLD.account, OLD.number, OLD.after, OLD.until, OLD.amount, OLD.money, OLD.currency, OLD.rest, OLD.at)
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION '% is append-only: a row is never %', TG_TABLE_NAME,
        CASE TG_OP WHEN 'UPDATE' THEN 'changed, but for its ending, once' ELSE 'deleted' END
        USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER office_stays BEFORE UPDATE OR DELETE ON spillover_office.office_topups
    FOR EACH ROW EXECUTE FUNCTION spillover_office.sales_stay();
CREATE TRIGGER office_stays_whole BEFORE TRUNCATE ON spillover_office.office_topups
    FOR EACH STATEMENT EXECUTE FUNCTION spillover_office.sales_stay();
CREATE TRIGGER office_stays BEFORE UPDATE OR DELETE ON spillover_office.office_exports
    FOR EACH ROW EXECUTE FUNCTION spillover_office.sales_stay();
CREATE TRIGGER office_stays_whole BEFORE TRUNCATE ON spillover_office.office_exports
    FOR EACH STATEMENT EXECUTE FUNCTION spillover_office.sales_stay();

-- Customers are deleted by the owner too, when an account is erased.
GRANT SELECT, INSERT, UPDATE, DELETE ON spillover_office.office_customers, spillover_office.office_topup_rules
    TO spillover_office;
GRANT SELECT, INSERT ON spillover_office.office_topups, spillover_office.office_exports,
    spillover_office.office_payments TO spillover_office;
GRANT UPDATE (state, note, tries, due) ON spillover_office.office_topups TO spillover_office;
GRANT UPDATE (state, reference) ON spillover_office.office_exports TO spillover_office;
