CREATE TABLE inbox_slots (
    slot BIGINT NOT NULL,
    source TEXT NOT NULL,
    received BIGINT NOT NULL,
    PRIMARY KEY (slot, source)
);
