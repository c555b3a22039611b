-- A session: what a change replaces. `head` is everything but the receipts; the other columns are for searching.
CREATE TABLE sessions (
    id BLOB PRIMARY KEY NOT NULL,
    revision INTEGER NOT NULL,
    due INTEGER NOT NULL,
    ended INTEGER,
    address TEXT NOT NULL,
    first_receipt INTEGER NOT NULL,
    last_receipt INTEGER NOT NULL,
    head BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_due ON sessions (due, id);
CREATE INDEX sessions_by_end ON sessions (ended, id) WHERE ended IS NOT NULL;

-- A table of their own, because a change adds one and leaves the others.
CREATE TABLE receipts (
    session BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    receipt BLOB NOT NULL,
    PRIMARY KEY (session, sequence)
) STRICT, WITHOUT ROWID;

-- How many there are: live ones, ended ones, and live ones of each address.
CREATE TABLE counts (
    what TEXT PRIMARY KEY NOT NULL,
    sessions INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Heads that could not be read any more, for whoever wants to know why.
CREATE TABLE damaged (
    session BLOB PRIMARY KEY NOT NULL,
    due INTEGER NOT NULL,
    head BLOB NOT NULL
) STRICT, WITHOUT ROWID;
