CREATE TABLE rules (
    id TEXT PRIMARY KEY,
    rule TEXT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- Only added to: each row's hash covers the hash before it.
CREATE TABLE audit (
    number BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    who TEXT NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    before_json TEXT,
    after_json TEXT,
    hash TEXT NOT NULL
);
