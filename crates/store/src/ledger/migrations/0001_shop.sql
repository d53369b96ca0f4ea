CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);

CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE products (
    id TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    category TEXT,
    brand TEXT,
    price BIGINT,
    cost BIGINT,
    stock BIGINT,
    updated_at BIGINT NOT NULL
);

CREATE TABLE campaigns (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    product TEXT,
    category TEXT,
    creative TEXT NOT NULL,
    bid_per_click BIGINT NOT NULL,
    budget BIGINT NOT NULL,
    budget_day BIGINT,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    segments TEXT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE identities (
    pseudonym TEXT PRIMARY KEY,
    person TEXT NOT NULL,
    version BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE identifiers (
    pseudonym TEXT NOT NULL,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    seen_at BIGINT NOT NULL,
    PRIMARY KEY (pseudonym, kind, value)
);

CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    token BIGINT NOT NULL,
    taken_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE TABLE runs (
    id BIGINT PRIMARY KEY,
    stage TEXT NOT NULL,
    lease TEXT,
    token BIGINT,
    inputs TEXT NOT NULL,
    parameters TEXT NOT NULL,
    seed BIGINT NOT NULL,
    status TEXT NOT NULL,
    rows_read BIGINT NOT NULL,
    rows_written BIGINT NOT NULL,
    refused TEXT NOT NULL,
    metrics TEXT NOT NULL,
    seconds DOUBLE PRECISION NOT NULL,
    started_at BIGINT NOT NULL,
    finished_at BIGINT
);

CREATE TABLE models (
    name TEXT NOT NULL,
    version BIGINT NOT NULL,
    manifest TEXT NOT NULL,
    metrics TEXT NOT NULL,
    baseline TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (name, version)
);

CREATE TABLE publications (
    id BIGINT PRIMARY KEY,
    name TEXT NOT NULL,
    version BIGINT NOT NULL,
    published_at BIGINT NOT NULL,
    withdrawn_at BIGINT
);

CREATE INDEX publications_name ON publications (name, id);

CREATE TABLE imports (
    id BIGINT PRIMARY KEY,
    file TEXT NOT NULL,
    digest TEXT NOT NULL,
    source TEXT NOT NULL,
    format TEXT NOT NULL,
    rows_read BIGINT NOT NULL,
    version BIGINT NOT NULL,
    imported_at BIGINT NOT NULL
);

CREATE TABLE table_versions (
    name TEXT PRIMARY KEY,
    version BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
