-- Every time is in microseconds since 1970, UTC.
CREATE TABLE sessions (
    key          INTEGER PRIMARY KEY,
    id           TEXT    NOT NULL UNIQUE,
    created_at   INTEGER NOT NULL,
    last_updated INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    turns        INTEGER NOT NULL,
    -- What turns and metadata count for against the size limit.
    bytes        INTEGER NOT NULL
) STRICT;

CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- A table of their own, so that appending costs the same however long the history is.
CREATE TABLE session_turns (
    session INTEGER NOT NULL REFERENCES sessions (key) ON DELETE CASCADE,
    -- 1 for the oldest, without gaps: what `append` answered.
    number  INTEGER NOT NULL,
    turn_id TEXT    NOT NULL,
    user    TEXT    NOT NULL,
    ai      TEXT    NOT NULL,
    UNIQUE (session, number),
    UNIQUE (session, turn_id)
) STRICT;

CREATE TABLE session_metadata (
    session INTEGER NOT NULL REFERENCES sessions (key) ON DELETE CASCADE,
    key     TEXT    NOT NULL,
    value   TEXT    NOT NULL,
    PRIMARY KEY (session, key)
) STRICT, WITHOUT ROWID;
