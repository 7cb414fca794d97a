-- One set of passages under a name, with the model that all of its embeddings are from.
CREATE TABLE vector_collections (
    key        INTEGER PRIMARY KEY,
    name       TEXT    NOT NULL UNIQUE,
    model      TEXT    NOT NULL,
    dimensions INTEGER NOT NULL
) STRICT;

CREATE TABLE vector_passages (
    key        INTEGER PRIMARY KEY,
    collection INTEGER NOT NULL REFERENCES vector_collections (key),
    partition  TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    -- A JSON object of strings. Before the text, which may be long and is not read to filter.
    metadata   TEXT    NOT NULL,
    text       TEXT    NOT NULL,
    -- The index behind every statement: none looks at rows of another partition.
    UNIQUE (collection, partition, id)
) STRICT;

-- Beside the passages, so that a scan reads vectors and nothing else.
CREATE TABLE vector_embeddings (
    key       INTEGER PRIMARY KEY REFERENCES vector_passages (key) ON DELETE CASCADE,
    -- Little-endian f32, of length one.
    direction BLOB    NOT NULL
) STRICT;
