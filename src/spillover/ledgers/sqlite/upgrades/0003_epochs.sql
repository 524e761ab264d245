-- Rebuilding: who raised an account's epoch, when and why; and pushed terms, kept until they are settled, so that a hot
-- state that is put back from the books can be told them again.

-- `ended`: the last settled sequence of the epoch before.
CREATE TABLE epochs (
    account INTEGER NOT NULL,
    epoch   INTEGER NOT NULL CHECK (epoch > 0),
    ended   INTEGER NOT NULL CHECK (ended >= 0),
    at      INTEGER NOT NULL,
    reason  TEXT    NOT NULL,
    actor   TEXT    NOT NULL,
    PRIMARY KEY (account, epoch)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER epochs_stay_as_written BEFORE UPDATE ON epochs
BEGIN SELECT RAISE(ABORT, 'epochs is append-only: a row is never changed'); END;
CREATE TRIGGER epochs_stay BEFORE DELETE ON epochs
BEGIN SELECT RAISE(ABORT, 'epochs is append-only: a row is never deleted'); END;

-- Rows of the outbox whose push is in the stream, as they stood there, until their version is settled.
CREATE TABLE pushed (
    account INTEGER NOT NULL,
    version INTEGER NOT NULL,
    push    TEXT    NOT NULL,
    PRIMARY KEY (account, version)
) STRICT, WITHOUT ROWID;

-- What was on its way when this file was upgraded: what it raises and relieves is on record. What it lowers, resets or
-- says is not: it stands in the stream, and is booked from there.
INSERT INTO pushed
SELECT p.account, p.version,
       json_object('raised', CASE WHEN json_valid(o.raised) THEN json(o.raised) ELSE json('[]') END,
                   'relieved', CASE WHEN json_valid(o.answer) THEN coalesce(o.answer ->> '$.relieved', 0) ELSE 0 END,
                   'reason', p.reason, 'actor', p.actor)
FROM profiles p JOIN accounts a ON a.id = p.account AND p.version > a.settled_version
LEFT JOIN orders o ON o.account = p.account AND o.version = p.version
WHERE NOT EXISTS (SELECT 1 FROM outbox w WHERE w.account = p.account AND w.version = p.version);
