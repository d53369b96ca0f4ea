CREATE TABLE plan_violations (
    source TEXT NOT NULL,
    event TEXT NOT NULL,
    property TEXT NOT NULL,
    reason TEXT NOT NULL,
    found BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    PRIMARY KEY (source, event, property, reason)
);

CREATE TABLE plan_progress (
    name TEXT PRIMARY KEY,
    through BIGINT NOT NULL
);
