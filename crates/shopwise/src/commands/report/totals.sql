SELECT count(*) AS orders, count(DISTINCT customer) AS customers,
       CAST(sum(amount) AS BIGINT) AS amount,
       (SELECT CAST(sum(amount) AS BIGINT) FROM events WHERE kind = 'order_refunded') AS refunded
FROM orders
