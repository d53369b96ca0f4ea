SELECT customer, occurred_at, CAST(amount - refunded AS DOUBLE) / 1000000 AS amount
FROM orders
WHERE customer IS NOT NULL AND amount > refunded
ORDER BY customer, occurred_at, "order"
