CREATE TABLE inbox_sequence (
    id BIGINT PRIMARY KEY,
    value BIGINT NOT NULL,
    forgotten BIGINT NOT NULL,
    expired_day BIGINT NOT NULL,
    swept_day BIGINT NOT NULL,
    crc BIGINT NOT NULL
);

INSERT INTO inbox_sequence (id, value, forgotten, expired_day, swept_day, crc)
VALUES (1, 0, 0, 0, 0, 420107693);

CREATE TABLE inbox_entries (
    seq {number} PRIMARY KEY,
    source TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    events BIGINT NOT NULL,
    crc BIGINT NOT NULL,
    body {bytes} NOT NULL
);

CREATE TABLE inbox_keys (
    seq {number} PRIMARY KEY,
    day BIGINT NOT NULL,
    crc BIGINT NOT NULL,
    keys {bytes} NOT NULL
);

CREATE INDEX inbox_keys_day ON inbox_keys (day);

CREATE TABLE inbox_counts (
    source TEXT PRIMARY KEY,
    received BIGINT NOT NULL,
    stored BIGINT NOT NULL,
    duplicate BIGINT NOT NULL,
    quarantined BIGINT NOT NULL,
    refused BIGINT NOT NULL,
    conflicts BIGINT NOT NULL
);

CREATE TABLE inbox_refusals (
    source TEXT NOT NULL,
    reason TEXT NOT NULL,
    refused BIGINT NOT NULL,
    PRIMARY KEY (source, reason)
);

CREATE TABLE inbox_quarantine (
    id {identity},
    source TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    reason TEXT NOT NULL,
    message_id TEXT,
    crc BIGINT NOT NULL,
    body {bytes} NOT NULL
);

CREATE TABLE inbox_damage (
    part TEXT NOT NULL,
    seq BIGINT NOT NULL,
    problem TEXT NOT NULL,
    body {bytes},
    PRIMARY KEY (part, seq)
);
