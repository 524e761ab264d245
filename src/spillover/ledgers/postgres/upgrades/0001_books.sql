-- The ledger in PostgreSQL: the same tables and columns as in SQLite (ledgers/sqlite/upgrades), where each is described,
-- and docs/LEDGER.md. Here stands what differs: a schema for each data set and purpose, roles, partitions.
--
-- Texts compare byte by byte (COLLATE "C"), as in SQLite. Amounts are bigint below 2^53; a true or false is 1 or 0.
--
-- Partitions: each data set has 8, by hash of the account, so that a database can be distributed: a partition can move to
-- another disk (ALTER TABLE ... SET TABLESPACE) or server (detach it, attach a foreign table), whole accounts with their
-- chains. None are by month: a key must be booked once for ever, and PostgreSQL keeps a key unique across partitions only
-- if the partition follows from it. An archive of a month is an export: each account's rows of it are one stretch of its
-- chain, so COPY them in the order of `number` (of events: epoch, sequence), with the head before and after.
--
-- `fillfactor`: rows that settlement writes again and again find room on their own page.

CREATE FUNCTION spillover_ledger.stays() RETURNS trigger LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: a row is never %', TG_ARGV[0],
        CASE TG_OP WHEN 'UPDATE' THEN 'changed' ELSE 'deleted' END
        USING ERRCODE = 'restrict_violation';
END
$$;

-- Data set 1: what was done. `payload` is the event as it stood in the stream, byte by byte.
CREATE TABLE spillover_usage.usage_events (
    account  bigint NOT NULL,
    epoch    bigint NOT NULL,
    sequence bigint NOT NULL CHECK (sequence > 0),
    key      text   COLLATE "C" NOT NULL,
    payload  bytea  NOT NULL,
    hash     bytea  NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (account, epoch, sequence),
    UNIQUE (account, key)
) PARTITION BY HASH (account);

-- The same for people: the event's facts as columns.
CREATE VIEW spillover_usage.usage_facts AS
SELECT account, epoch, sequence, key,
       event ->> 'kind' AS kind, (event ->> 'at')::bigint AS at, event ->> 'feature' AS feature,
       event ->> 'subject' AS subject, (event ->> 'units')::bigint AS units, (event ->> 'granted')::bigint AS granted,
       event ->> 'mode' AS mode, event ->> 'policy' AS policy, (event ->> 'profile')::bigint AS profile,
       event -> 'attributes' AS attributes, event -> 'usage' AS usage, event -> 'legs' AS legs,
       event -> 'overshoot' AS overshoot, event ->> 'ends' AS ends,
       coalesce((event ->> 'late')::boolean, false)::int AS late,
       coalesce((event ->> 'estimated')::boolean, false)::int AS estimated, event
FROM (SELECT account, epoch, sequence, key, convert_from(payload, 'UTF8')::json AS event
      FROM spillover_usage.usage_events) AS events;

-- Data set 2: what is charged for a usage event. The primary key admits one charge for each event.
CREATE TABLE spillover_monetization.monetization_events (
    account  bigint NOT NULL,
    number   bigint NOT NULL CHECK (number > 0),
    epoch    bigint NOT NULL,
    sequence bigint NOT NULL,
    feature  text   COLLATE "C" NOT NULL,
    at       bigint NOT NULL,
    subject  text   COLLATE "C" NOT NULL,
    amount   bigint NOT NULL CHECK (amount >= 0 AND amount < 9007199254740992),
    legs     text   COLLATE "C" NOT NULL,
    hash     bytea  NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (account, epoch, sequence)
) PARTITION BY HASH (account);

-- Data set 3: how a balance changed, why, and by whom.
CREATE TABLE spillover_balances.balance_updates (
    account       bigint NOT NULL,
    number        bigint NOT NULL CHECK (number > 0),
    kind          text   COLLATE "C" NOT NULL CHECK (kind IN (
        'grant', 'debit', 'overshoot_refund', 'refund', 'expire', 'revoke', 'adjust', 'rollover', 'overage', 'owed',
        'window_reset', 'override', 'plan_change', 'state_change')),
    measure       text   COLLATE "C" NOT NULL,
    lot           bigint NOT NULL,
    delta         bigint NOT NULL CHECK (abs(delta) < 9007199254740992),
    source        text   COLLATE "C" NOT NULL,
    target        text   COLLATE "C" NOT NULL CHECK (target <> source),
    lot_after     bigint NOT NULL CHECK (lot_after >= 0),
    account_after bigint NOT NULL CHECK (account_after >= 0),
    cause         text   COLLATE "C" NOT NULL,
    reason        text   COLLATE "C" NOT NULL,
    actor         text   COLLATE "C" NOT NULL,
    at            bigint NOT NULL,
    hash          bytea  NOT NULL CHECK (length(hash) = 32),
    CHECK ((delta = 0) = (kind IN ('window_reset', 'override', 'plan_change', 'state_change'))),
    PRIMARY KEY (account, number)
) PARTITION BY HASH (account);

-- Events that could not be booked, with the reason.
CREATE TABLE spillover_ledger.quarantine (
    account  bigint   NOT NULL,
    epoch    bigint   NOT NULL,
    sequence bigint   NOT NULL,
    key      text     COLLATE "C" NOT NULL,
    payload  bytea    NOT NULL,
    reason   text     COLLATE "C" NOT NULL,
    at       bigint,
    counted  smallint NOT NULL CHECK (counted IN (0, 1)),
    applied  smallint NOT NULL CHECK (applied IN (0, 1) AND applied <= counted),
    PRIMARY KEY (account, epoch, sequence, key)
);

-- An account's place in everything. Who writes to an account locks its row here first.
CREATE TABLE spillover_ledger.accounts (
    id               bigint PRIMARY KEY CHECK (id > 0 AND id < 9007199254740992),
    epoch            bigint NOT NULL DEFAULT 0,
    settled_sequence bigint NOT NULL DEFAULT 0,
    settled_version  bigint NOT NULL DEFAULT 0,
    version          bigint NOT NULL,
    next_lot         bigint NOT NULL DEFAULT 1,
    usage_count      bigint NOT NULL DEFAULT 0,
    usage_head       bytea  NOT NULL,
    charge_count     bigint NOT NULL DEFAULT 0,
    charge_head      bytea  NOT NULL,
    update_count     bigint NOT NULL DEFAULT 0,
    update_head      bytea  NOT NULL,
    due              bigint NOT NULL DEFAULT 9007199254740991
) WITH (fillfactor = 50);
CREATE INDEX accounts_by_due ON spillover_ledger.accounts (due) WHERE due < 9007199254740991;

-- The account's terms, every version of them.
CREATE TABLE spillover_ledger.profiles (
    account bigint NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    payload text   COLLATE "C" NOT NULL,
    at      bigint NOT NULL,
    reason  text   COLLATE "C" NOT NULL,
    actor   text   COLLATE "C" NOT NULL,
    PRIMARY KEY (account, version)
);

-- Terms that the hot state does not know yet, in the order in which they were made.
CREATE TABLE spillover_ledger.outbox (
    number  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account bigint NOT NULL,
    version bigint NOT NULL,
    push    text   COLLATE "C" NOT NULL,
    UNIQUE (account, version)
);

-- Rows of the outbox whose push is in the stream, as they stood there, until their version is settled.
CREATE TABLE spillover_ledger.pushed (
    account bigint NOT NULL,
    version bigint NOT NULL,
    push    text   COLLATE "C" NOT NULL,
    PRIMARY KEY (account, version)
);

-- Who raised an account's epoch, when and why. `ended`: the last settled sequence of the epoch before.
CREATE TABLE spillover_ledger.epochs (
    account bigint NOT NULL,
    epoch   bigint NOT NULL CHECK (epoch > 0),
    ended   bigint NOT NULL CHECK (ended >= 0),
    at      bigint NOT NULL,
    reason  text   COLLATE "C" NOT NULL,
    actor   text   COLLATE "C" NOT NULL,
    PRIMARY KEY (account, epoch)
);

-- What was ordered under a caller's key.
CREATE TABLE spillover_ledger.orders (
    account     bigint NOT NULL,
    key         text   COLLATE "C" NOT NULL,
    fingerprint bytea  NOT NULL,
    lot         bigint NOT NULL,
    version     bigint NOT NULL,
    raised      text   COLLATE "C" NOT NULL,
    answer      text   COLLATE "C" NOT NULL,
    PRIMARY KEY (account, key)
);
CREATE INDEX orders_by_version ON spillover_ledger.orders (account, version);

CREATE TABLE spillover_ledger.lots (
    account     bigint   NOT NULL,
    lot         bigint   NOT NULL CHECK (lot > 0),
    measure     text     COLLATE "C" NOT NULL,
    granted     bigint   NOT NULL CHECK (granted >= 0 AND granted < 9007199254740992),
    balance     bigint   NOT NULL CHECK (balance >= 0),
    spent       bigint   NOT NULL DEFAULT 0 CHECK (spent >= 0),
    expired     bigint   NOT NULL DEFAULT 0 CHECK (expired >= 0),
    revoked     bigint   NOT NULL DEFAULT 0 CHECK (revoked >= 0),
    promotional smallint NOT NULL CHECK (promotional IN (0, 1)),
    effective   bigint   NOT NULL,
    expires     bigint   NOT NULL,
    priority    bigint   NOT NULL,
    paid        text     COLLATE "C" NOT NULL,
    currency    text     COLLATE "C" NOT NULL,
    tax         text     COLLATE "C" NOT NULL,
    reference   text     COLLATE "C" NOT NULL,
    granted_at  bigint   NOT NULL,
    scope       text     COLLATE "C" NOT NULL DEFAULT '[]',
    key         text     COLLATE "C" NOT NULL,
    ended       text     COLLATE "C" NOT NULL DEFAULT '' CHECK (ended IN ('', 'expire', 'revoke', 'rollover')),
    CHECK (granted = balance + spent + expired + revoked),
    PRIMARY KEY (account, lot)
) WITH (fillfactor = 50);
-- What is to be posted as expired: lots that have something left, by the instant at which they end.
CREATE INDEX lots_ending ON spillover_ledger.lots (expires)
    WHERE ended = '' AND balance > 0 AND expires < 9007199254740991;

-- Sums over an account's lots of one measure; what it owes, in measure credits only.
CREATE TABLE spillover_ledger.account_balances (
    account    bigint NOT NULL,
    measure    text   COLLATE "C" NOT NULL,
    granted    bigint NOT NULL DEFAULT 0 CHECK (granted >= 0 AND granted < 9007199254740992),
    spent      bigint NOT NULL DEFAULT 0 CHECK (spent >= 0),
    gone       bigint NOT NULL DEFAULT 0 CHECK (gone >= 0),
    balance    bigint NOT NULL DEFAULT 0 CHECK (balance >= 0),
    receivable bigint NOT NULL DEFAULT 0 CHECK (receivable >= 0 AND receivable < 9007199254740992),
    owed       bigint NOT NULL DEFAULT 0 CHECK (owed >= 0 AND owed < 9007199254740992),
    PRIMARY KEY (account, measure)
) WITH (fillfactor = 50);

-- The account's cells as of its last settled event. A cell that is 0 has no row.
CREATE TABLE spillover_ledger.settled_cells (
    account bigint NOT NULL,
    name    text   COLLATE "C" NOT NULL,
    value   bigint NOT NULL CHECK (value <> 0),
    PRIMARY KEY (account, name)
) WITH (fillfactor = 50);

-- The account's open holds as of its last settled event. `record` is the hold as JSON.
CREATE TABLE spillover_ledger.settled_holds (
    account bigint NOT NULL,
    id      text   COLLATE "C" NOT NULL,
    due     bigint NOT NULL,
    record  bytea  NOT NULL,
    PRIMARY KEY (account, id)
);

-- How many of the units that an event's legs paid were given back. An event without a refund has no row.
CREATE TABLE spillover_ledger.refunded (
    account  bigint NOT NULL,
    epoch    bigint NOT NULL,
    sequence bigint NOT NULL,
    refunded bigint NOT NULL CHECK (refunded > 0),
    units    bigint NOT NULL CHECK (refunded <= units),
    PRIMARY KEY (account, epoch, sequence)
);

CREATE TABLE spillover_ledger.policies (
    hash         text   COLLATE "C" PRIMARY KEY,
    document     text   COLLATE "C" NOT NULL,
    published_at bigint NOT NULL
);

-- Which policy is in force from when.
CREATE TABLE spillover_ledger.publications (
    number    bigint PRIMARY KEY,
    hash      text   COLLATE "C" NOT NULL,
    since     bigint NOT NULL,
    at        bigint NOT NULL,
    reason    text   COLLATE "C" NOT NULL DEFAULT '',
    actor     text   COLLATE "C" NOT NULL DEFAULT '',
    withdraws bigint NOT NULL DEFAULT 0 CHECK (withdraws >= 0 AND withdraws < number)
);

-- The only place where a name stands. `kind` is account (its token is the id) or label (a subject, an attribute value).
CREATE TABLE spillover_names.names (
    account bigint NOT NULL,
    token   text   COLLATE "C" NOT NULL,
    kind    text   COLLATE "C" NOT NULL CHECK (kind IN ('account', 'label')),
    name    text   COLLATE "C" NOT NULL,
    PRIMARY KEY (account, token)
);
-- Else samples of names would stand in the planner's statistics, which no erasure reaches.
ALTER TABLE spillover_names.names ALTER COLUMN name SET STATISTICS 0;
CREATE UNIQUE INDEX names_of_accounts ON spillover_names.names (name) WHERE kind = 'account';
CREATE UNIQUE INDEX names_of_labels ON spillover_names.names (account, name) WHERE kind = 'label';

-- Erasures whose rows may still stand in the table's file, until it is written anew.
CREATE TABLE spillover_names.erasures (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY
);

-- Which settler works on which shard, until when; and who is alive. Losing these rows costs nothing but spared work.
CREATE TABLE spillover_ledger.settlers (
    owner text   COLLATE "C" PRIMARY KEY,
    until bigint NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE spillover_ledger.claims (
    shard bigint PRIMARY KEY CHECK (shard >= 0),
    owner text   COLLATE "C" NOT NULL,
    until bigint NOT NULL
) WITH (fillfactor = 50);

DO $$
DECLARE
    set_of text;
BEGIN
    FOREACH set_of IN ARRAY ARRAY['spillover_usage.usage_events', 'spillover_monetization.monetization_events',
                                  'spillover_balances.balance_updates'] LOOP
        FOR part IN 0..7 LOOP
            EXECUTE format('CREATE TABLE %s_%s PARTITION OF %s FOR VALUES WITH (MODULUS 8, REMAINDER %s)',
                           set_of, part, set_of, part);
        END LOOP;
    END LOOP;
END
$$;

-- Append-only, also for the owner. A row's trigger on a partitioned table holds for its partitions; TRUNCATE needs each.
DO $$
DECLARE
    kept regclass;
BEGIN
    FOREACH kept IN ARRAY ARRAY[
        'spillover_usage.usage_events', 'spillover_monetization.monetization_events',
        'spillover_balances.balance_updates', 'spillover_ledger.quarantine', 'spillover_ledger.profiles',
        'spillover_ledger.orders', 'spillover_ledger.policies', 'spillover_ledger.publications',
        'spillover_ledger.epochs']::regclass[] LOOP
        EXECUTE format('CREATE TRIGGER stays BEFORE UPDATE OR DELETE ON %s'
                       ' FOR EACH ROW EXECUTE FUNCTION spillover_ledger.stays(%L)',
                       kept, (SELECT relname FROM pg_class WHERE oid = kept));
    END LOOP;
    FOR kept IN
        SELECT DISTINCT tgrelid::regclass FROM pg_trigger WHERE tgname = 'stays' LOOP
        EXECUTE format('CREATE TRIGGER stays_whole BEFORE TRUNCATE ON %s'
                       ' FOR EACH STATEMENT EXECUTE FUNCTION spillover_ledger.stays(%L)',
                       kept, (SELECT relname FROM pg_class WHERE oid = kept));
    END LOOP;
END
$$;

-- Who may do what. A role sees only the schemas that its work needs.
GRANT USAGE ON SCHEMA spillover_usage, spillover_monetization, spillover_balances, spillover_ledger, spillover_names
    TO spillover_books, spillover_reads;
GRANT USAGE ON SCHEMA spillover_ledger, spillover_names TO spillover_terms;
GRANT USAGE ON SCHEMA spillover_ledger TO spillover_claims;

GRANT SELECT ON ALL TABLES IN SCHEMA
    spillover_usage, spillover_monetization, spillover_balances, spillover_ledger, spillover_names
    TO spillover_reads;

GRANT SELECT, INSERT ON spillover_usage.usage_events, spillover_monetization.monetization_events,
    spillover_balances.balance_updates, spillover_ledger.quarantine, spillover_ledger.profiles,
    spillover_ledger.orders, spillover_ledger.epochs TO spillover_books;
GRANT SELECT, INSERT, UPDATE ON spillover_ledger.accounts, spillover_ledger.lots, spillover_ledger.account_balances,
    spillover_ledger.refunded TO spillover_books;
GRANT SELECT, INSERT, UPDATE, DELETE ON spillover_ledger.settled_cells, spillover_ledger.settled_holds
    TO spillover_books;
GRANT SELECT, INSERT, DELETE ON spillover_ledger.outbox, spillover_ledger.pushed TO spillover_books, spillover_terms;
GRANT SELECT ON spillover_names.names TO spillover_books;

GRANT SELECT, INSERT ON spillover_ledger.profiles, spillover_ledger.policies, spillover_ledger.publications,
    spillover_names.names TO spillover_terms;
GRANT SELECT, INSERT, UPDATE ON spillover_ledger.accounts TO spillover_terms;
GRANT SELECT ON spillover_ledger.lots, spillover_ledger.orders, spillover_ledger.epochs TO spillover_terms;

GRANT SELECT, INSERT, UPDATE, DELETE ON spillover_ledger.claims, spillover_ledger.settlers TO spillover_claims;

-- The hot store asks for the event behind a key that is settled.
GRANT USAGE ON SCHEMA spillover_usage, spillover_ledger TO spillover_hot;
GRANT SELECT ON spillover_usage.usage_events, spillover_ledger.quarantine TO spillover_hot;

-- Each data set for itself: read, exported, audited without the others.
GRANT USAGE ON SCHEMA spillover_usage TO spillover_usage_reads;
GRANT SELECT ON spillover_usage.usage_events, spillover_usage.usage_facts TO spillover_usage_reads;
GRANT USAGE ON SCHEMA spillover_monetization TO spillover_monetization_reads;
GRANT SELECT ON spillover_monetization.monetization_events TO spillover_monetization_reads;
GRANT USAGE ON SCHEMA spillover_balances TO spillover_balances_reads;
GRANT SELECT ON spillover_balances.balance_updates TO spillover_balances_reads;
