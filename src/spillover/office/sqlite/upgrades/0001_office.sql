-- What a service remembers that is not books (docs/decisions/0007). Instants are milliseconds since 1970.

-- API keys. `number`: in the order of making. `scopes`, `secrets` and `features` are JSON; of a secret only its SHA-256
-- (base64) and its end are kept. `bound`: to how many accounts it is bound, 0 for all. `revoked`: since when, 0 never.
CREATE TABLE office_keys (
    id       TEXT    PRIMARY KEY,
    number   INTEGER NOT NULL UNIQUE CHECK (number > 0),
    name     TEXT    NOT NULL,
    scopes   TEXT    NOT NULL,
    secrets  TEXT    NOT NULL,
    features TEXT    NOT NULL,
    bound    INTEGER NOT NULL CHECK (bound >= 0),
    revoked  INTEGER NOT NULL,
    created  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Erasable. To which accounts a key is bound: a place without a row is one that was erased, and opens nothing.
CREATE TABLE office_bindings (
    key     TEXT    NOT NULL,
    place   INTEGER NOT NULL CHECK (place >= 0),
    account TEXT    NOT NULL,
    PRIMARY KEY (key, place)
) STRICT, WITHOUT ROWID;

-- What administrators did. `mark`: 16 random bytes, so that the same act is not written twice. `outcome`: '' while it
-- is under way, or if whoever did it was killed.
CREATE TABLE office_acts (
    number  INTEGER PRIMARY KEY CHECK (number > 0),
    mark    BLOB    NOT NULL UNIQUE,
    at      INTEGER NOT NULL,
    actor   TEXT    NOT NULL,
    verb    TEXT    NOT NULL,
    reason  TEXT    NOT NULL,
    outcome TEXT    NOT NULL DEFAULT '',
    ended   INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Erasable. On which account an act was, and what was asked, as JSON.
CREATE TABLE office_words (
    number  INTEGER PRIMARY KEY,
    account TEXT    NOT NULL,
    details BLOB    NOT NULL
) STRICT;
CREATE INDEX office_words_of_account ON office_words (account, number);

-- The secret that customers' tokens are signed with: one row.
CREATE TABLE office_signing (
    number INTEGER PRIMARY KEY CHECK (number = 1),
    secret BLOB    NOT NULL CHECK (length(secret) >= 32)
) STRICT;

CREATE TRIGGER office_acts_stay_as_written
BEFORE UPDATE ON office_acts
WHEN old.outcome <> '' OR new.outcome = '' OR new.number IS NOT old.number OR new.mark IS NOT old.mark
    OR new.at IS NOT old.at OR new.actor IS NOT old.actor OR new.verb IS NOT old.verb OR new.reason IS NOT old.reason
BEGIN SELECT RAISE(ABORT, 'office_acts is append-only: of a row only its ending is written, once'); END;
CREATE TRIGGER office_acts_stay BEFORE DELETE ON office_acts
BEGIN SELECT RAISE(ABORT, 'office_acts is append-only: a row is never deleted'); END;

CREATE TRIGGER office_words_stay_as_written BEFORE UPDATE ON office_words
BEGIN SELECT RAISE(ABORT, 'office_words is append-only: a row is never changed'); END;
