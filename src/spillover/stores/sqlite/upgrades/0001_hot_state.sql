-- Where an account stands. Its terms lie apart, so that the next sequence does not rewrite them.
CREATE TABLE hot_accounts (
    account  INTEGER PRIMARY KEY,
    epoch    INTEGER NOT NULL,
    sequence INTEGER NOT NULL CHECK (sequence >= 0),
    version  INTEGER NOT NULL
) STRICT;

CREATE TABLE hot_profiles (
    account INTEGER PRIMARY KEY,
    profile BLOB NOT NULL -- model.account.Profile as JSON
) STRICT;

-- The fast numbers. A cell that is 0 has no row.
CREATE TABLE cells (
    account INTEGER NOT NULL,
    name    TEXT    NOT NULL,
    value   INTEGER NOT NULL CHECK (value <> 0),
    PRIMARY KEY (account, name)
) STRICT, WITHOUT ROWID;

-- Events that are not acknowledged, in order of arrival. An id is given again once the stream was empty.
CREATE TABLE stream (
    id       INTEGER PRIMARY KEY,
    account  INTEGER NOT NULL,
    epoch    INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    key      TEXT    NOT NULL,
    payload  BLOB    NOT NULL
) STRICT;

-- Every key that ever changed something, as long as the books live. `entry` is where its event lay in the stream.
CREATE TABLE keys (
    account     INTEGER NOT NULL,
    key         TEXT    NOT NULL,
    epoch       INTEGER NOT NULL,
    sequence    INTEGER NOT NULL,
    fingerprint TEXT    NOT NULL,
    entry       INTEGER NOT NULL,
    PRIMARY KEY (account, key)
) STRICT, WITHOUT ROWID;

-- Confirmed denials, one row per account, minute, feature and reason.
CREATE TABLE denials (
    account INTEGER NOT NULL,
    minute  INTEGER NOT NULL, -- since 1970
    feature TEXT    NOT NULL,
    reason  TEXT    NOT NULL,
    count   INTEGER NOT NULL,
    PRIMARY KEY (account, minute, feature, reason)
) STRICT, WITHOUT ROWID;
