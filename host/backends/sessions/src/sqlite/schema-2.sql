-- A turn that was brought in from another store may have no id.
CREATE TABLE session_turns_with_or_without_id (
    session INTEGER NOT NULL REFERENCES sessions (key) ON DELETE CASCADE,
    -- 1 for the oldest, without gaps: what `append` answered.
    number  INTEGER NOT NULL,
    turn_id TEXT,
    user    TEXT    NOT NULL,
    ai      TEXT    NOT NULL,
    UNIQUE (session, number),
    UNIQUE (session, turn_id)
) STRICT;

INSERT INTO session_turns_with_or_without_id (session, number, turn_id, user, ai)
SELECT session, number, turn_id, user, ai FROM session_turns;

DROP TABLE session_turns;

ALTER TABLE session_turns_with_or_without_id RENAME TO session_turns;
