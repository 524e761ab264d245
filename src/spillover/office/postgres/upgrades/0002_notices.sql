-- What receivers are told, in PostgreSQL: the same tables and columns as in SQLite (office/sqlite/upgrades), where each
-- is described.

CREATE TABLE spillover_office.office_alerts (
    name    text   COLLATE "C" PRIMARY KEY,
    account bigint NOT NULL CHECK (account >= 0),
    kind    text   COLLATE "C" NOT NULL CHECK (kind IN ('balance', 'window')),
    of      text   COLLATE "C" NOT NULL,
    at      bigint NOT NULL CHECK (at > 0),
    made    bigint NOT NULL
);

CREATE TABLE spillover_office.office_watched (
    account  bigint PRIMARY KEY CHECK (account >= 0),
    epoch    bigint NOT NULL,
    sequence bigint NOT NULL,
    updates  bigint NOT NULL
);

CREATE TABLE spillover_office.office_messages (
    number  bigint PRIMARY KEY CHECK (number > 0),
    id      text   COLLATE "C" NOT NULL UNIQUE,
    key     text   COLLATE "C" NOT NULL UNIQUE,
    account bigint NOT NULL CHECK (account >= 0),
    type    text   COLLATE "C" NOT NULL,
    at      bigint NOT NULL,
    until   bigint NOT NULL,
    data    bytea  NOT NULL
);
CREATE INDEX office_messages_of_account ON spillover_office.office_messages (account, number);
CREATE INDEX office_messages_at ON spillover_office.office_messages (at);

CREATE TABLE spillover_office.office_endpoints (
    id            text   COLLATE "C" PRIMARY KEY,
    number        bigint NOT NULL UNIQUE CHECK (number > 0),
    url           text   COLLATE "C" NOT NULL,
    secrets       text   COLLATE "C" NOT NULL,
    types         text   COLLATE "C" NOT NULL,
    accounts      text   COLLATE "C" NOT NULL,
    note          text   COLLATE "C" NOT NULL,
    made          bigint NOT NULL,
    failing_since bigint NOT NULL,
    paused        bigint NOT NULL,
    ended         bigint NOT NULL
);

CREATE TABLE spillover_office.office_sendings (
    message  bigint NOT NULL,
    endpoint text   COLLATE "C" NOT NULL,
    tries    bigint NOT NULL CHECK (tries >= 0),
    before   bigint NOT NULL CHECK (before >= 0 AND before <= tries),
    due      bigint NOT NULL,
    leased   bigint NOT NULL,
    state    text   COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'sent', 'failed')),
    PRIMARY KEY (message, endpoint)
);
CREATE INDEX office_sendings_due ON spillover_office.office_sendings (endpoint, due) WHERE state = 'waiting';
CREATE INDEX office_sendings_leased ON spillover_office.office_sendings (endpoint, leased) WHERE leased > 0;

CREATE TABLE spillover_office.office_tries (
    message  bigint NOT NULL,
    endpoint text   COLLATE "C" NOT NULL,
    try      bigint NOT NULL CHECK (try > 0),
    at       bigint NOT NULL,
    status   bigint NOT NULL,
    ms       bigint NOT NULL,
    error    text   COLLATE "C" NOT NULL,
    PRIMARY KEY (message, endpoint, try)
);
CREATE INDEX office_tries_of_endpoint ON spillover_office.office_tries (endpoint, message, try);

-- Any number of sendings wait and go: dead rows are cleared away early.
ALTER TABLE spillover_office.office_sendings SET (autovacuum_vacuum_scale_factor = 0.02);

GRANT SELECT, INSERT, UPDATE, DELETE ON spillover_office.office_alerts, spillover_office.office_sendings
    TO spillover_office;
GRANT SELECT, INSERT, UPDATE ON spillover_office.office_endpoints, spillover_office.office_watched TO spillover_office;
GRANT SELECT, INSERT, DELETE ON spillover_office.office_messages, spillover_office.office_tries TO spillover_office;

-- Of the books it sees where accounts stand, and nothing else. An office is never opened before its books; one without
-- any watches nothing.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_namespace WHERE nspname = 'spillover_ledger') THEN
        GRANT USAGE ON SCHEMA spillover_ledger TO spillover_office;
        GRANT SELECT (id, epoch, settled_sequence, update_count) ON spillover_ledger.accounts TO spillover_office;
    END IF;
END
$$;
