-- What receivers are told (docs/decisions/0007, Notices). Accounts are ids of the books, people are tokens: there is no
-- name, so nothing here is erased. Instants are milliseconds since 1970.

-- Thresholds. `account`: 0 for all. `of`: a measure, or a limit's name. `at`: micro-credits, units, or a percentage.
CREATE TABLE office_alerts (
    name    TEXT    PRIMARY KEY,
    account INTEGER NOT NULL CHECK (account >= 0),
    kind    TEXT    NOT NULL CHECK (kind IN ('balance', 'window')),
    of      TEXT    NOT NULL,
    at      INTEGER NOT NULL CHECK (at > 0),
    made    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- How far each account's books were looked at; `updates`: its balance updates. The row of account 0 says that looking
-- has begun: an account without a row is new since then, and was at nothing.
CREATE TABLE office_watched (
    account  INTEGER PRIMARY KEY CHECK (account >= 0),
    epoch    INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    updates  INTEGER NOT NULL
) STRICT;

-- What is told. `key`: what it tells, so that it is told once. `account`: 0 for none. `at`: when it happened. `until`:
-- how long the key must be known at least. `data`: a JSON object.
CREATE TABLE office_messages (
    number  INTEGER PRIMARY KEY CHECK (number > 0),
    id      TEXT    NOT NULL UNIQUE,
    key     TEXT    NOT NULL UNIQUE,
    account INTEGER NOT NULL CHECK (account >= 0),
    type    TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    until   INTEGER NOT NULL,
    data    BLOB    NOT NULL
) STRICT;
CREATE INDEX office_messages_of_account ON office_messages (account, number);
CREATE INDEX office_messages_at ON office_messages (at);

-- To whom. `number`: in the order of making. `secrets`, `types` and `accounts` are JSON; [] for all types or accounts.
-- `failing_since`, `paused`, `ended`: since when, 0 never.
CREATE TABLE office_endpoints (
    id            TEXT    PRIMARY KEY,
    number        INTEGER NOT NULL UNIQUE CHECK (number > 0),
    url           TEXT    NOT NULL,
    secrets       TEXT    NOT NULL,
    types         TEXT    NOT NULL,
    accounts      TEXT    NOT NULL,
    note          TEXT    NOT NULL,
    made          INTEGER NOT NULL,
    failing_since INTEGER NOT NULL,
    paused        INTEGER NOT NULL,
    ended         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A message on its way to an endpoint. `before`: how many of its tries were before it was last sent again. `due`: when
-- it is tried next. `leased`: until when a worker has it, 0 for none.
CREATE TABLE office_sendings (
    message  INTEGER NOT NULL,
    endpoint TEXT    NOT NULL,
    tries    INTEGER NOT NULL CHECK (tries >= 0),
    before   INTEGER NOT NULL CHECK (before >= 0 AND before <= tries),
    due      INTEGER NOT NULL,
    leased   INTEGER NOT NULL,
    state    TEXT    NOT NULL CHECK (state IN ('waiting', 'sent', 'failed')),
    PRIMARY KEY (message, endpoint)
) STRICT, WITHOUT ROWID;
CREATE INDEX office_sendings_due ON office_sendings (endpoint, due) WHERE state = 'waiting';
CREATE INDEX office_sendings_leased ON office_sendings (endpoint, leased) WHERE leased > 0;

-- The log of all tries. `status`: of the answer, 0 for none. `ms`: how long it took. `error`: '' where it was taken.
CREATE TABLE office_tries (
    message  INTEGER NOT NULL,
    endpoint TEXT    NOT NULL,
    try      INTEGER NOT NULL CHECK (try > 0),
    at       INTEGER NOT NULL,
    status   INTEGER NOT NULL,
    ms       INTEGER NOT NULL,
    error    TEXT    NOT NULL,
    PRIMARY KEY (message, endpoint, try)
) STRICT, WITHOUT ROWID;
CREATE INDEX office_tries_of_endpoint ON office_tries (endpoint, message, try);
