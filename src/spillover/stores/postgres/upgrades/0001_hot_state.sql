-- Where an account stands; its row is the lock of all its state. One that is not known has no row, or one in epoch 0 at
-- sequence 0, from being locked or shut. Free room in each page keeps new versions of rows beside the old ones (HOT), so
-- that a busy account is tidied up as it is changed and the indexes need no new entries.
CREATE TABLE spillover_hot.hot_accounts (
    account  bigint  PRIMARY KEY,
    epoch    bigint  NOT NULL DEFAULT 0,
    sequence bigint  NOT NULL DEFAULT 0 CHECK (sequence >= 0),
    version  bigint  NOT NULL DEFAULT 0,
    shut     boolean NOT NULL DEFAULT false
) WITH (fillfactor = 50);

-- Those that nobody puts back are looked for, so the few must be found among all.
CREATE INDEX hot_accounts_shut ON spillover_hot.hot_accounts (account) WHERE shut;

-- Its terms lie apart, so that the next sequence does not rewrite them.
CREATE TABLE spillover_hot.hot_profiles (
    account bigint PRIMARY KEY,
    profile bytea  NOT NULL -- model.account.Profile as JSON
);

-- The fast numbers. A cell that is 0 has no row.
CREATE TABLE spillover_hot.cells (
    account bigint NOT NULL,
    name    text   COLLATE "C" NOT NULL,
    value   bigint NOT NULL CHECK (value <> 0),
    PRIMARY KEY (account, name)
) WITH (fillfactor = 50);

-- Events that are not acknowledged. Ids grow with an account's sequence, whose row is locked when they are given. A queue
-- is nearly all dead rows: they are cleared away whenever some thousands have gathered, without the pauses that spare
-- other work, and never only when a share of the table is dead, which a long backlog would put off.
CREATE TABLE spillover_hot.stream (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shard    bigint NOT NULL, -- core.shards.shard_of(account)
    account  bigint NOT NULL,
    epoch    bigint NOT NULL,
    sequence bigint NOT NULL,
    key      text   COLLATE "C" NOT NULL,
    payload  bytea  NOT NULL,
    UNIQUE (account, epoch, sequence)
) WITH (
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_cost_delay = 0,
    toast.autovacuum_vacuum_scale_factor = 0,
    toast.autovacuum_vacuum_threshold = 5000,
    toast.autovacuum_vacuum_cost_delay = 0
);

-- Keys that changed something lately. `at` is when that was committed, or when it was put back from the books.
CREATE TABLE spillover_hot.keys (
    account     bigint NOT NULL,
    key         text   COLLATE "C" NOT NULL,
    epoch       bigint NOT NULL,
    sequence    bigint NOT NULL,
    fingerprint text   COLLATE "C" NOT NULL,
    at          bigint NOT NULL, -- milliseconds since 1970 by the server's clock
    PRIMARY KEY (account, key)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX keys_by_time ON spillover_hot.keys (at);

-- Confirmed denials, one row per account, minute, feature and reason.
CREATE TABLE spillover_hot.denials (
    account bigint NOT NULL,
    minute  bigint NOT NULL, -- since 1970
    feature text   COLLATE "C" NOT NULL,
    reason  text   COLLATE "C" NOT NULL,
    count   bigint NOT NULL,
    PRIMARY KEY (account, minute, feature, reason)
) WITH (fillfactor = 80);
CREATE INDEX denials_by_minute ON spillover_hot.denials (minute);

-- Open holds, as the opening or the last extension left them; the end of a hold takes its row away.
CREATE TABLE spillover_hot.holds (
    account bigint NOT NULL,
    id      text   COLLATE "C" NOT NULL,
    shard   bigint NOT NULL,
    due     bigint NOT NULL, -- milliseconds since 1970
    record  bytea  NOT NULL, -- model.hold.Hold as JSON
    PRIMARY KEY (account, id)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

-- What falls due, of all accounts and of one: asked before a denial, so it must not read the holds that are not due.
CREATE INDEX holds_by_due ON spillover_hot.holds (due, account, id);
CREATE INDEX holds_by_account ON spillover_hot.holds (account, due, id);

GRANT USAGE ON SCHEMA spillover_hot TO spillover_hot, spillover_reads;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA spillover_hot TO spillover_hot;
GRANT SELECT ON ALL TABLES IN SCHEMA spillover_hot TO spillover_reads;
