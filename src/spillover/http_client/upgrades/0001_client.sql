-- Holds that were opened here while the service could not be reached, until they end.
CREATE TABLE held (
    account    TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    feature    TEXT    NOT NULL,
    usage      TEXT    NOT NULL, -- JSON: the estimate
    subject    TEXT    NOT NULL,
    attributes TEXT    NOT NULL, -- JSON
    at         INTEGER NOT NULL,
    due        INTEGER NOT NULL,
    units      INTEGER NOT NULL CHECK (units >= 0),
    mark       TEXT    NOT NULL,
    sent       INTEGER NOT NULL CHECK (sent IN (0, 1)),
    PRIMARY KEY (account, key)
) STRICT, WITHOUT ROWID;

-- When operators opened, until when, why and who; `ended` when they closed before that.
CREATE TABLE switched (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at     INTEGER NOT NULL,
    until  INTEGER NOT NULL,
    reason TEXT    NOT NULL,
    actor  TEXT    NOT NULL,
    origin TEXT    NOT NULL, -- 'open_until', or the file
    ended  INTEGER
) STRICT;
