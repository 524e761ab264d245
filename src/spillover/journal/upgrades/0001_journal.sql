-- Requests that were admitted while the store could not be reached, until they are recorded.
CREATE TABLE waiting (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    account    TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    feature    TEXT    NOT NULL,
    usage      TEXT    NOT NULL, -- JSON
    subject    TEXT    NOT NULL,
    attributes TEXT    NOT NULL, -- JSON
    mode       TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    asked_at   INTEGER,
    units      INTEGER NOT NULL CHECK (units >= 0),
    policy     TEXT    NOT NULL,
    mark       TEXT    NOT NULL,
    UNIQUE (account, key)
) STRICT;

CREATE INDEX waiting_by_feature ON waiting (account, feature);

-- Those that could not be recorded, each with its reason.
CREATE TABLE refused (
    number     INTEGER PRIMARY KEY,
    account    TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    feature    TEXT    NOT NULL,
    usage      TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    attributes TEXT    NOT NULL,
    mode       TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    asked_at   INTEGER,
    units      INTEGER NOT NULL,
    policy     TEXT    NOT NULL,
    mark       TEXT    NOT NULL,
    reason     TEXT    NOT NULL
) STRICT;

-- Units admitted for an account and a feature since none of theirs waited.
CREATE TABLE promised (
    account TEXT    NOT NULL,
    feature TEXT    NOT NULL,
    units   INTEGER NOT NULL,
    PRIMARY KEY (account, feature)
) STRICT, WITHOUT ROWID;

-- How many rows both lists have together, so that the bound costs no count.
CREATE TABLE size (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    rows INTEGER NOT NULL CHECK (rows >= 0)
) STRICT;

INSERT INTO size (one, rows) VALUES (1, 0);

CREATE TRIGGER waiting_comes AFTER INSERT ON waiting BEGIN UPDATE size SET rows = rows + 1; END;
CREATE TRIGGER waiting_goes AFTER DELETE ON waiting BEGIN UPDATE size SET rows = rows - 1; END;
CREATE TRIGGER refused_comes AFTER INSERT ON refused BEGIN UPDATE size SET rows = rows + 1; END;
CREATE TRIGGER refused_goes AFTER DELETE ON refused BEGIN UPDATE size SET rows = rows - 1; END;
