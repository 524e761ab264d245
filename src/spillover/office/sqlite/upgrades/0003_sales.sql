-- Selling (docs/decisions/0007). Accounts are ids of the books. Instants are milliseconds since 1970.

-- Erasable. Which customer of a payment provider an account is.
CREATE TABLE office_customers (
    account  INTEGER NOT NULL,
    provider TEXT    NOT NULL,
    customer TEXT    NOT NULL,
    PRIMARY KEY (account, provider)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX office_customers_of_providers ON office_customers (provider, customer);

-- For which account a payment was, as the provider names payments: what it says of one later names no account.
CREATE TABLE office_payments (
    provider  TEXT    NOT NULL,
    reference TEXT    NOT NULL,
    account   INTEGER NOT NULL,
    PRIMARY KEY (provider, reference)
) STRICT, WITHOUT ROWID;

-- When an account's credits fall to `below` micro-credits or less, `pack` is ordered, at most `most` times in a month.
CREATE TABLE office_topup_rules (
    account INTEGER PRIMARY KEY,
    below   INTEGER NOT NULL CHECK (below >= 0 AND below < 9007199254740992),
    pack    TEXT    NOT NULL,
    most    INTEGER NOT NULL CHECK (most > 0),
    made    INTEGER NOT NULL
) STRICT;

-- What was ordered by such a rule. `pack` is its name, `terms` what it was then, as JSON. `period`: a month, '2026-03'.
CREATE TABLE office_topups (
    account INTEGER NOT NULL,
    period  TEXT    NOT NULL,
    number  INTEGER NOT NULL CHECK (number > 0),
    pack    TEXT    NOT NULL,
    terms   TEXT    NOT NULL,
    state   TEXT    NOT NULL CHECK (state IN ('wanted', 'paid', 'failed')),
    at      INTEGER NOT NULL,
    note    TEXT    NOT NULL,
    tries   INTEGER NOT NULL CHECK (tries >= 0),
    due     INTEGER NOT NULL,
    PRIMARY KEY (account, period, number)
) STRICT, WITHOUT ROWID;
-- One at a time.
CREATE UNIQUE INDEX office_topups_open ON office_topups (account) WHERE state = 'wanted';
CREATE INDEX office_topups_due ON office_topups (due) WHERE state = 'wanted';

-- Overage on its way to whoever bills it: balance updates `after` < number <= `until` of the account. `money` in the
-- currency's minor unit, `rest` what rounding left for the next row, a fraction of that unit ('1/3').
CREATE TABLE office_exports (
    account   INTEGER NOT NULL,
    number    INTEGER NOT NULL CHECK (number > 0),
    after     INTEGER NOT NULL CHECK (after >= 0),
    until     INTEGER NOT NULL CHECK (until > after),
    amount    INTEGER NOT NULL,
    money     INTEGER NOT NULL,
    currency  TEXT    NOT NULL,
    rest      TEXT    NOT NULL,
    state     TEXT    NOT NULL CHECK (state IN ('written', 'sent')),
    reference TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    PRIMARY KEY (account, number),
    UNIQUE (account, after)
) STRICT, WITHOUT ROWID;
CREATE INDEX office_exports_unsent ON office_exports (at, account, number) WHERE state = 'written';

CREATE TRIGGER office_topups_stay_as_written
BEFORE UPDATE ON office_topups
WHEN old.state <> 'wanted' OR new.account IS NOT old.account OR new.period IS NOT old.period
    OR new.number IS NOT old.number OR new.pack IS NOT old.pack OR new.terms IS NOT old.terms OR new.at IS NOT old.at
BEGIN SELECT RAISE(ABORT, 'office_topups is append-only: of an open row only its tries and its ending are written'); END;
CREATE TRIGGER office_topups_stay BEFORE DELETE ON office_topups
BEGIN SELECT RAISE(ABORT, 'office_topups is append-only: a row is never deleted'); END;

CREATE TRIGGER office_exports_stay_as_written
BEFORE UPDATE ON office_exports
WHEN old.state <> 'written' OR new.state <> 'sent' OR new.account IS NOT old.account OR new.number IS NOT old.number
    OR new.after IS NOT old.after OR new.until IS NOT old.until OR new.amount IS NOT old.amount
    OR new.money IS NOT old.money OR new.currency IS NOT old.currency OR new.rest IS NOT old.rest
    OR new.at IS NOT old.at
BEGIN SELECT RAISE(ABORT, 'office_exports is append-only: of a row only that it was sent is written, once'); END;
CREATE TRIGGER office_exports_stay BEFORE DELETE ON office_exports
BEGIN SELECT RAISE(ABORT, 'office_exports is append-only: a row is never deleted'); END;
