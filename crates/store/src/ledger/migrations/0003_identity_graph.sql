CREATE TABLE identity_edges (
    low TEXT NOT NULL,
    high TEXT NOT NULL,
    low_kind TEXT NOT NULL,
    high_kind TEXT NOT NULL,
    status TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (low, high)
);

CREATE TABLE identity_evidence (
    low TEXT NOT NULL,
    high TEXT NOT NULL,
    kind TEXT NOT NULL,
    day BIGINT NOT NULL,
    first_at BIGINT NOT NULL,
    first_source TEXT NOT NULL,
    first_reference TEXT NOT NULL,
    last_at BIGINT NOT NULL,
    last_source TEXT NOT NULL,
    last_reference TEXT NOT NULL,
    PRIMARY KEY (low, high, kind, day)
);

CREATE INDEX identity_evidence_high ON identity_evidence (high);

CREATE TABLE identity_decisions (
    id BIGINT PRIMARY KEY,
    verb TEXT NOT NULL,
    a TEXT NOT NULL,
    a_kind TEXT NOT NULL,
    b TEXT NOT NULL,
    b_kind TEXT NOT NULL,
    decided_by TEXT NOT NULL,
    decided_at BIGINT NOT NULL,
    undone_by BIGINT
);

CREATE TABLE persons (
    person TEXT PRIMARY KEY,
    version BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
