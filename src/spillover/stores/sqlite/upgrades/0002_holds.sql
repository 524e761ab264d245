-- Open holds, as the opening or the last extension left them; the end of a hold takes its row away. A rowid table: ids
-- are random and records long, and clustered by id a batch of openings wrote more pages and took nearly twice the time.
CREATE TABLE holds (
    account INTEGER NOT NULL,
    id      TEXT    NOT NULL,
    due     INTEGER NOT NULL, -- milliseconds since 1970
    record  BLOB    NOT NULL, -- model.hold.Hold as JSON
    PRIMARY KEY (account, id)
) STRICT;

-- What falls due, of all accounts and of one: asked before a denial, so it must not read the holds that are not due.
CREATE INDEX holds_by_due ON holds (due, account, id);
CREATE INDEX holds_by_account ON holds (account, due, id);
