-- An account that is being rebuilt is shut: it takes no commit until it is put back. Of one that is not known here only
-- the mark is kept, in epoch 0 at sequence 0.
ALTER TABLE hot_accounts ADD COLUMN shut INTEGER NOT NULL DEFAULT 0 CHECK (shut IN (0, 1));

-- Those that nobody puts back are looked for, so the few must be found among all.
CREATE INDEX hot_accounts_shut ON hot_accounts (account) WHERE shut;
