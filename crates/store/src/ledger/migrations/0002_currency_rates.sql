CREATE TABLE currency_rates (
    currency TEXT NOT NULL,
    day BIGINT NOT NULL,
    rate DOUBLE PRECISION NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (currency, day)
);
