-- The ledger: three append-only data sets, the facts about accounts, and projections that can be rebuilt from them.
-- docs/LEDGER.md is the public description of these tables; keep the two together.
--
-- Amounts are integers below 2^53; instants are milliseconds since 1970. STRICT: a wrong type is refused, not converted.
-- The data sets are rowid tables: rows of a batch, of many accounts, are appended side by side, and only their narrow
-- indexes are written here and there. Clustered by account, a batch of 500 wrote three times as many pages.

-- Data set 1: what was done. `payload` is the event as it stood in the stream, byte by byte.
CREATE TABLE usage_events (
    account  INTEGER NOT NULL,
    epoch    INTEGER NOT NULL,
    sequence INTEGER NOT NULL CHECK (sequence > 0),
    key      TEXT    NOT NULL,
    payload  BLOB    NOT NULL,
    hash     BLOB    NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (account, epoch, sequence),
    UNIQUE (account, key)
) STRICT;

-- The same for people: the event's facts as columns. A view, because it must cost settlement nothing.
CREATE VIEW usage_facts AS
SELECT account, epoch, sequence, key,
       event ->> '$.kind' AS kind, event ->> '$.at' AS at, event ->> '$.feature' AS feature,
       event ->> '$.subject' AS subject, event ->> '$.units' AS units, event ->> '$.granted' AS granted,
       event ->> '$.mode' AS mode, event ->> '$.policy' AS policy, event ->> '$.profile' AS profile,
       event -> '$.attributes' AS attributes, event -> '$.usage' AS usage, event -> '$.legs' AS legs, event
FROM (SELECT account, epoch, sequence, key, CAST(payload AS TEXT) AS event FROM usage_events);

-- Data set 2: what is charged for a usage event. The primary key admits one charge for each event.
CREATE TABLE monetization_events (
    account  INTEGER NOT NULL,
    number   INTEGER NOT NULL CHECK (number > 0),
    epoch    INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    feature  TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    subject  TEXT    NOT NULL,
    amount   INTEGER NOT NULL CHECK (amount > 0 AND amount < 9007199254740992),
    legs     TEXT    NOT NULL,
    hash     BLOB    NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (account, epoch, sequence)
) STRICT;

-- Data set 3: how a balance changed, why, and by whom. Each row moves abs(delta) from `source` to `target`.
CREATE TABLE balance_updates (
    account       INTEGER NOT NULL,
    number        INTEGER NOT NULL CHECK (number > 0),
    kind          TEXT    NOT NULL CHECK (kind IN ('grant', 'debit', 'overage')),
    measure       TEXT    NOT NULL,
    lot           INTEGER NOT NULL,
    delta         INTEGER NOT NULL CHECK (delta <> 0 AND abs(delta) < 9007199254740992),
    source        TEXT    NOT NULL,
    target        TEXT    NOT NULL CHECK (target <> source),
    lot_after     INTEGER NOT NULL CHECK (lot_after >= 0),
    account_after INTEGER NOT NULL CHECK (account_after >= 0),
    cause         TEXT    NOT NULL,
    reason        TEXT    NOT NULL,
    actor         TEXT    NOT NULL,
    at            INTEGER NOT NULL,
    hash          BLOB    NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (account, number)
) STRICT;

-- Events that could not be booked, with the reason. Not chained: no balance follows from them. `counted`: it took its
-- sequence in the account's order. `applied`: its cell changes are in the settled state nevertheless.
CREATE TABLE quarantine (
    account  INTEGER NOT NULL,
    epoch    INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    key      TEXT    NOT NULL,
    payload  BLOB    NOT NULL,
    reason   TEXT    NOT NULL,
    at       INTEGER,
    counted  INTEGER NOT NULL CHECK (counted IN (0, 1)),
    applied  INTEGER NOT NULL CHECK (applied IN (0, 1) AND applied <= counted),
    PRIMARY KEY (account, epoch, sequence, key)
) STRICT, WITHOUT ROWID;

-- An account's place in everything: what is settled, which numbers come next, where its three chains end.
CREATE TABLE accounts (
    id               INTEGER PRIMARY KEY CHECK (id > 0 AND id < 9007199254740992),
    epoch            INTEGER NOT NULL DEFAULT 0,
    settled_sequence INTEGER NOT NULL DEFAULT 0,
    settled_version  INTEGER NOT NULL DEFAULT 0,
    version          INTEGER NOT NULL,
    next_lot         INTEGER NOT NULL DEFAULT 1,
    usage_count      INTEGER NOT NULL DEFAULT 0,
    usage_head       BLOB    NOT NULL,
    charge_count     INTEGER NOT NULL DEFAULT 0,
    charge_head      BLOB    NOT NULL,
    update_count     INTEGER NOT NULL DEFAULT 0,
    update_head      BLOB    NOT NULL
) STRICT;

-- The account's terms, every version of them.
CREATE TABLE profiles (
    account INTEGER NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0),
    payload TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    reason  TEXT    NOT NULL,
    actor   TEXT    NOT NULL,
    PRIMARY KEY (account, version)
) STRICT, WITHOUT ROWID;

-- Terms that the hot state does not know yet, in the order in which they were made. `raised` is [[lot, amount], ...].
CREATE TABLE outbox (
    number  INTEGER PRIMARY KEY,
    account INTEGER NOT NULL,
    version INTEGER NOT NULL,
    raised  TEXT    NOT NULL,
    UNIQUE (account, version)
) STRICT;

-- `expired` and `revoked` are 0 until those movements exist; the rule that nothing gets lost is the same already.
CREATE TABLE lots (
    account     INTEGER NOT NULL,
    lot         INTEGER NOT NULL CHECK (lot > 0),
    measure     TEXT    NOT NULL,
    granted     INTEGER NOT NULL CHECK (granted > 0 AND granted < 9007199254740992),
    balance     INTEGER NOT NULL CHECK (balance >= 0),
    spent       INTEGER NOT NULL DEFAULT 0 CHECK (spent >= 0),
    expired     INTEGER NOT NULL DEFAULT 0 CHECK (expired >= 0),
    revoked     INTEGER NOT NULL DEFAULT 0 CHECK (revoked >= 0),
    promotional INTEGER NOT NULL CHECK (promotional IN (0, 1)),
    effective   INTEGER NOT NULL,
    expires     INTEGER NOT NULL,
    priority    INTEGER NOT NULL,
    paid        TEXT    NOT NULL,
    currency    TEXT    NOT NULL,
    tax         TEXT    NOT NULL,
    reference   TEXT    NOT NULL,
    granted_at  INTEGER NOT NULL,
    CHECK (granted = balance + spent + expired + revoked),
    PRIMARY KEY (account, lot)
) STRICT, WITHOUT ROWID;

-- The grant that a caller's key made, so that the same call again raises nothing.
CREATE TABLE grants (
    account     INTEGER NOT NULL,
    key         TEXT    NOT NULL,
    fingerprint BLOB    NOT NULL,
    lot         INTEGER NOT NULL,
    PRIMARY KEY (account, key)
) STRICT, WITHOUT ROWID;

-- Sums over an account's lots of one measure; `owed` is what the overage line has advanced (measure credits only).
CREATE TABLE account_balances (
    account INTEGER NOT NULL,
    measure TEXT    NOT NULL,
    granted INTEGER NOT NULL DEFAULT 0 CHECK (granted >= 0 AND granted < 9007199254740992),
    spent   INTEGER NOT NULL DEFAULT 0 CHECK (spent >= 0),
    balance INTEGER NOT NULL DEFAULT 0 CHECK (balance >= 0),
    owed    INTEGER NOT NULL DEFAULT 0 CHECK (owed >= 0 AND owed < 9007199254740992),
    PRIMARY KEY (account, measure)
) STRICT, WITHOUT ROWID;

-- The account's cells as of its last settled event. A cell that is 0 has no row.
CREATE TABLE settled_cells (
    account INTEGER NOT NULL,
    name    TEXT    NOT NULL,
    value   INTEGER NOT NULL CHECK (value <> 0),
    PRIMARY KEY (account, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE policies (
    hash         TEXT    PRIMARY KEY,
    document     TEXT    NOT NULL,
    published_at INTEGER NOT NULL,
    current      INTEGER NOT NULL CHECK (current IN (0, 1))
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX policies_one_current ON policies (current) WHERE current = 1;

-- The only place where a name stands. `kind` is account (its token is the id) or label (a subject, an attribute value).
CREATE TABLE names (
    account INTEGER NOT NULL,
    token   TEXT    NOT NULL,
    kind    TEXT    NOT NULL CHECK (kind IN ('account', 'label')),
    name    TEXT    NOT NULL,
    PRIMARY KEY (account, token)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX names_of_accounts ON names (name) WHERE kind = 'account';
CREATE UNIQUE INDEX names_of_labels ON names (account, name) WHERE kind = 'label';

-- Erasures whose names may still stand in older pages of the log, until it is cut. A number never comes again, so that
-- whoever has cut the log takes off only those that he had seen before.
CREATE TABLE erasures (
    number INTEGER PRIMARY KEY AUTOINCREMENT
) STRICT;

-- Append-only by the database itself. The ledger's connections set recursive_triggers, or REPLACE would delete without
-- asking; what another program does behind the triggers' back, the chains show.
CREATE TRIGGER usage_events_stay_as_written BEFORE UPDATE ON usage_events
BEGIN SELECT RAISE(ABORT, 'usage_events is append-only: a row is never changed'); END;
CREATE TRIGGER usage_events_stay BEFORE DELETE ON usage_events
BEGIN SELECT RAISE(ABORT, 'usage_events is append-only: a row is never deleted'); END;

CREATE TRIGGER monetization_events_stay_as_written BEFORE UPDATE ON monetization_events
BEGIN SELECT RAISE(ABORT, 'monetization_events is append-only: a row is never changed'); END;
CREATE TRIGGER monetization_events_stay BEFORE DELETE ON monetization_events
BEGIN SELECT RAISE(ABORT, 'monetization_events is append-only: a row is never deleted'); END;

CREATE TRIGGER balance_updates_stay_as_written BEFORE UPDATE ON balance_updates
BEGIN SELECT RAISE(ABORT, 'balance_updates is append-only: a row is never changed'); END;
CREATE TRIGGER balance_updates_stay BEFORE DELETE ON balance_updates
BEGIN SELECT RAISE(ABORT, 'balance_updates is append-only: a row is never deleted'); END;

CREATE TRIGGER quarantine_stay_as_written BEFORE UPDATE ON quarantine
BEGIN SELECT RAISE(ABORT, 'quarantine is append-only: a row is never changed'); END;
CREATE TRIGGER quarantine_stay BEFORE DELETE ON quarantine
BEGIN SELECT RAISE(ABORT, 'quarantine is append-only: a row is never deleted'); END;

CREATE TRIGGER profiles_stay_as_written BEFORE UPDATE ON profiles
BEGIN SELECT RAISE(ABORT, 'profiles is append-only: a row is never changed'); END;
CREATE TRIGGER profiles_stay BEFORE DELETE ON profiles
BEGIN SELECT RAISE(ABORT, 'profiles is append-only: a row is never deleted'); END;

CREATE TRIGGER grants_stay_as_written BEFORE UPDATE ON grants
BEGIN SELECT RAISE(ABORT, 'grants is append-only: a row is never changed'); END;
CREATE TRIGGER grants_stay BEFORE DELETE ON grants
BEGIN SELECT RAISE(ABORT, 'grants is append-only: a row is never deleted'); END;
