-- Counters of the whole store; "sequence" gives versions and fences.
CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO meta (name, value) VALUES ('sequence', 0);

-- The declared indexes and heads as they were when their entries were built.
CREATE TABLE catalog (
    num INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    declared TEXT NOT NULL,
    UNIQUE (kind, name)
);

-- The head stands before the body, so that listing reads no overflow page.
CREATE TABLE doc (
    num INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    head TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (kind, id)
);

CREATE TABLE entry (
    idx INTEGER NOT NULL,
    key BLOB NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (idx, key, id)
) WITHOUT ROWID;
