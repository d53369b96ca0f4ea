CREATE TABLE customer_traits (
    customer TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    labels TEXT NOT NULL,
    comment TEXT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE INDEX customer_traits_name ON customer_traits (name);
