-- The full waterfall: every kind of movement, holds, orders and refunds, and policies in force from an instant on.
-- Columns and rows of the three data sets stay as they are, in the order in which they were written: chains stay valid.

DROP VIEW usage_facts;
CREATE VIEW usage_facts AS
SELECT account, epoch, sequence, key,
       event ->> '$.kind' AS kind, event ->> '$.at' AS at, event ->> '$.feature' AS feature,
       event ->> '$.subject' AS subject, event ->> '$.units' AS units, event ->> '$.granted' AS granted,
       event ->> '$.mode' AS mode, event ->> '$.policy' AS policy, event ->> '$.profile' AS profile,
       event -> '$.attributes' AS attributes, event -> '$.usage' AS usage, event -> '$.legs' AS legs,
       event -> '$.overshoot' AS overshoot, event ->> '$.ends' AS ends,
       coalesce(event ->> '$.late', 0) AS late, coalesce(event ->> '$.estimated', 0) AS estimated, event
FROM (SELECT account, epoch, sequence, key, CAST(payload AS TEXT) AS event FROM usage_events);

-- Data set 2. An amount of 0: all of it was overshoot, and forgiven.
ALTER TABLE monetization_events RENAME TO old_monetization_events;
CREATE TABLE monetization_events (
    account  INTEGER NOT NULL,
    number   INTEGER NOT NULL CHECK (number > 0),
    epoch    INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    feature  TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    subject  TEXT    NOT NULL,
    amount   INTEGER NOT NULL CHECK (amount >= 0 AND amount < 9007199254740992),
    legs     TEXT    NOT NULL,
    hash     BLOB    NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (account, epoch, sequence)
) STRICT;
INSERT INTO monetization_events SELECT * FROM old_monetization_events ORDER BY rowid;
DROP TABLE old_monetization_events;

-- Data set 3. Each row moves abs(delta) from `source` to `target`; the four allowance adjustments move nothing, and say
-- in `measure` what was changed, and in `source` and `target` what it was and what it is.
ALTER TABLE balance_updates RENAME TO old_balance_updates;
CREATE TABLE balance_updates (
    account       INTEGER NOT NULL,
    number        INTEGER NOT NULL CHECK (number > 0),
    kind          TEXT    NOT NULL CHECK (kind IN (
        'grant', 'debit', 'overshoot_refund', 'refund', 'expire', 'revoke', 'adjust', 'rollover', 'overage', 'owed',
        'window_reset', 'override', 'plan_change', 'state_change')),
    measure       TEXT    NOT NULL,
    lot           INTEGER NOT NULL,
    delta         INTEGER NOT NULL CHECK (abs(delta) < 9007199254740992),
    source        TEXT    NOT NULL,
    target        TEXT    NOT NULL CHECK (target <> source),
    lot_after     INTEGER NOT NULL CHECK (lot_after >= 0),
    account_after INTEGER NOT NULL CHECK (account_after >= 0),
    cause         TEXT    NOT NULL,
    reason        TEXT    NOT NULL,
    actor         TEXT    NOT NULL,
    at            INTEGER NOT NULL,
    hash          BLOB    NOT NULL CHECK (length(hash) = 32),
    CHECK ((delta = 0) = (kind IN ('window_reset', 'override', 'plan_change', 'state_change'))),
    PRIMARY KEY (account, number)
) STRICT;
INSERT INTO balance_updates SELECT * FROM old_balance_updates ORDER BY rowid;
DROP TABLE old_balance_updates;

-- What was ordered under a caller's key (a grant, a change, a refund), so that the same call again orders nothing.
-- `lot`: the lot of a grant, else 0. `version`: of the terms that it made. `raised` is [[lot, amount], ...], what the hot
-- state raises lots by with that version. `answer`: what a refund gave back, as JSON.
CREATE TABLE orders (
    account     INTEGER NOT NULL,
    key         TEXT    NOT NULL,
    fingerprint BLOB    NOT NULL,
    lot         INTEGER NOT NULL,
    version     INTEGER NOT NULL,
    raised      TEXT    NOT NULL,
    answer      TEXT    NOT NULL,
    PRIMARY KEY (account, key)
) STRICT, WITHOUT ROWID;
INSERT INTO orders
SELECT g.account, g.key, g.fingerprint, g.lot, coalesce(made.version, 0), json_array(json_array(g.lot, l.granted)), ''
FROM grants g
JOIN lots l USING (account, lot)
LEFT JOIN (SELECT p.account, lot.value ->> '$.id' AS lot, min(p.version) AS version
           FROM profiles p, json_each(CASE WHEN json_valid(p.payload) THEN p.payload ELSE '{}' END, '$.lots') AS lot
           GROUP BY 1, 2) AS made USING (account, lot);
CREATE INDEX orders_by_version ON orders (account, version);

-- `scope` is JSON. `key`: under which the lot was ordered. `ended`: that an end of it was ordered, and which.
ALTER TABLE lots RENAME TO old_lots;
CREATE TABLE lots (
    account     INTEGER NOT NULL,
    lot         INTEGER NOT NULL CHECK (lot > 0),
    measure     TEXT    NOT NULL,
    granted     INTEGER NOT NULL CHECK (granted >= 0 AND granted < 9007199254740992),
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
    scope       TEXT    NOT NULL DEFAULT '[]',
    key         TEXT    NOT NULL,
    ended       TEXT    NOT NULL DEFAULT '' CHECK (ended IN ('', 'expire', 'revoke', 'rollover')),
    CHECK (granted = balance + spent + expired + revoked),
    PRIMARY KEY (account, lot)
) STRICT, WITHOUT ROWID;
INSERT INTO lots
SELECT l.account, l.lot, l.measure, l.granted, l.balance, l.spent, l.expired, l.revoked, l.promotional, l.effective,
       l.expires, l.priority, l.paid, l.currency, l.tax, l.reference, l.granted_at, '[]', coalesce(g.key, ''), ''
FROM old_lots l LEFT JOIN grants g USING (account, lot);
DROP TABLE old_lots;
DROP TABLE grants;
-- What is to be posted as expired: lots that have something left, by the instant at which they end.
CREATE INDEX lots_ending ON lots (expires) WHERE ended = '' AND balance > 0 AND expires < 9007199254740991;

-- `gone` is expired and revoked; `receivable` what the overage line has advanced, `owed` what overshoot left to be paid
-- (both measure credits only).
ALTER TABLE account_balances RENAME TO old_account_balances;
CREATE TABLE account_balances (
    account    INTEGER NOT NULL,
    measure    TEXT    NOT NULL,
    granted    INTEGER NOT NULL DEFAULT 0 CHECK (granted >= 0 AND granted < 9007199254740992),
    spent      INTEGER NOT NULL DEFAULT 0 CHECK (spent >= 0),
    gone       INTEGER NOT NULL DEFAULT 0 CHECK (gone >= 0),
    balance    INTEGER NOT NULL DEFAULT 0 CHECK (balance >= 0),
    receivable INTEGER NOT NULL DEFAULT 0 CHECK (receivable >= 0 AND receivable < 9007199254740992),
    owed       INTEGER NOT NULL DEFAULT 0 CHECK (owed >= 0 AND owed < 9007199254740992),
    PRIMARY KEY (account, measure)
) STRICT, WITHOUT ROWID;
INSERT INTO account_balances (account, measure, granted, spent, balance, receivable)
SELECT account, measure, granted, spent, balance, owed FROM old_account_balances;
DROP TABLE old_account_balances;

-- `push` is everything that the hot state is to do, but the profile, as JSON.
ALTER TABLE outbox RENAME TO old_outbox;
CREATE TABLE outbox (
    number  INTEGER PRIMARY KEY,
    account INTEGER NOT NULL,
    version INTEGER NOT NULL,
    push    TEXT    NOT NULL,
    UNIQUE (account, version)
) STRICT;
INSERT INTO outbox
SELECT o.number, o.account, o.version,
       CASE WHEN json_valid(o.raised)
            THEN json_object('raised', json(o.raised), 'reason', coalesce(p.reason, ''), 'actor', coalesce(p.actor, ''))
            ELSE o.raised END
FROM old_outbox o LEFT JOIN profiles p USING (account, version);
DROP TABLE old_outbox;

-- The earliest instant at which terms of the account fall due: a scheduled plan, a gift. 2^53 - 1: never.
ALTER TABLE accounts ADD COLUMN due INTEGER NOT NULL DEFAULT 9007199254740991;
CREATE INDEX accounts_by_due ON accounts (due) WHERE due < 9007199254740991;

-- The account's open holds as of its last settled event. `record` is the hold as JSON.
CREATE TABLE settled_holds (
    account INTEGER NOT NULL,
    id      TEXT    NOT NULL,
    due     INTEGER NOT NULL,
    record  BLOB    NOT NULL,
    PRIMARY KEY (account, id)
) STRICT, WITHOUT ROWID;

-- How many of the units that an event's legs paid were given back. An event without a refund has no row.
CREATE TABLE refunded (
    account  INTEGER NOT NULL,
    epoch    INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    refunded INTEGER NOT NULL CHECK (refunded > 0),
    units    INTEGER NOT NULL CHECK (refunded <= units),
    PRIMARY KEY (account, epoch, sequence)
) STRICT, WITHOUT ROWID;

-- Which policy is in force from when: of those with `since` <= an instant, the one with the highest number. A row that
-- withdraws another puts nothing in force, nor does the one that it names.
CREATE TABLE publications (
    number    INTEGER PRIMARY KEY,
    hash      TEXT    NOT NULL,
    since     INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    reason    TEXT    NOT NULL DEFAULT '',
    actor     TEXT    NOT NULL DEFAULT '',
    withdraws INTEGER NOT NULL DEFAULT 0 CHECK (withdraws >= 0 AND withdraws < number)
) STRICT;
INSERT INTO publications (hash, since, at) SELECT hash, published_at, published_at FROM policies WHERE current = 1;
DROP INDEX policies_one_current;
ALTER TABLE policies DROP COLUMN current;

CREATE TRIGGER monetization_events_stay_as_written BEFORE UPDATE ON monetization_events
BEGIN SELECT RAISE(ABORT, 'monetization_events is append-only: a row is never changed'); END;
CREATE TRIGGER monetization_events_stay BEFORE DELETE ON monetization_events
BEGIN SELECT RAISE(ABORT, 'monetization_events is append-only: a row is never deleted'); END;

CREATE TRIGGER balance_updates_stay_as_written BEFORE UPDATE ON balance_updates
BEGIN SELECT RAISE(ABORT, 'balance_updates is append-only: a row is never changed'); END;
CREATE TRIGGER balance_updates_stay BEFORE DELETE ON balance_updates
BEGIN SELECT RAISE(ABORT, 'balance_updates is append-only: a row is never deleted'); END;

CREATE TRIGGER orders_stay_as_written BEFORE UPDATE ON orders
BEGIN SELECT RAISE(ABORT, 'orders is append-only: a row is never changed'); END;
CREATE TRIGGER orders_stay BEFORE DELETE ON orders
BEGIN SELECT RAISE(ABORT, 'orders is append-only: a row is never deleted'); END;

CREATE TRIGGER publications_stay_as_written BEFORE UPDATE ON publications
BEGIN SELECT RAISE(ABORT, 'publications is append-only: a row is never changed'); END;
CREATE TRIGGER publications_stay BEFORE DELETE ON publications
BEGIN SELECT RAISE(ABORT, 'publications is append-only: a row is never deleted'); END;

CREATE TRIGGER policies_stay_as_written BEFORE UPDATE ON policies
BEGIN SELECT RAISE(ABORT, 'policies is append-only: a row is never changed'); END;
CREATE TRIGGER policies_stay BEFORE DELETE ON policies
BEGIN SELECT RAISE(ABORT, 'policies is append-only: a row is never deleted'); END;
