-- How often each passage has each of its terms; beside the passages as the embeddings are.
CREATE TABLE vector_terms (
    key    INTEGER PRIMARY KEY REFERENCES vector_passages (key) ON DELETE CASCADE,
    -- How many terms there are, each as often as it occurs.
    length INTEGER NOT NULL,
    -- The terms and their counts, as lexical/counts.rs writes them.
    counts BLOB    NOT NULL
) STRICT;

-- Passages that were stored before there were terms. They are read when the store opens, some at a time.
CREATE TABLE vector_unread (
    key INTEGER PRIMARY KEY REFERENCES vector_passages (key) ON DELETE CASCADE
) STRICT;

INSERT INTO vector_unread (key) SELECT key FROM vector_passages;
