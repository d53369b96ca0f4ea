CREATE TABLE hidden_tags (
    customer TEXT NOT NULL,
    tag TEXT NOT NULL,
    hidden_at BIGINT NOT NULL,
    PRIMARY KEY (customer, tag)
);
