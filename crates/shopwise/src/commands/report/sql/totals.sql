SELECT (SELECT count(*) FROM orders) AS orders,
       (SELECT count(DISTINCT customer) FROM orders) AS buyers,
       (SELECT count(*) FROM orders WHERE customer IS NULL) AS anonymous_orders,
       (SELECT count(*) FROM customer_features) AS customers,
       (SELECT CAST(min(occurred_at) AS BIGINT) FROM events) AS first_at,
       (SELECT CAST(max(occurred_at) AS BIGINT) FROM events) AS last_at
