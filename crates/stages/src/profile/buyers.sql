-- A line is a bargain that cost a twentieth less than the product usually does. Shares lean to the
-- shop's own: the posterior mean under a beta prior that weighs as much as ten lines, or five orders.
WITH usual AS (
    SELECT product, MEDIAN(unit_price) AS price
    FROM order_lines
    WHERE quantity > 0 AND unit_price > 0
    GROUP BY product
), bargains AS (
    SELECT customer, CAST(COUNT(*) AS DOUBLE) AS lines,
           CAST(SUM(CASE WHEN unit_price < 0.95 * price THEN 1 ELSE 0 END) AS DOUBLE) AS bargains
    FROM order_lines JOIN usual USING (product)
    WHERE quantity > 0 AND unit_price > 0
    GROUP BY customer
), shop AS (
    SELECT SUM(bargains) / SUM(lines) AS bargains FROM bargains
), returns AS (
    SELECT CAST(SUM(LEAST(refunds, orders)) AS DOUBLE) / SUM(orders) AS returns
    FROM customer_features
    WHERE orders > 0
)
SELECT f.customer, recency_days, tenure_days, CAST(orders AS DOUBLE) AS orders, monetary,
       average_order, items_per_order, CAST(products AS DOUBLE) AS products, return_rate,
       weekend_share, evening_share,
       (COALESCE(b.bargains, 0) + 10 * COALESCE(s.bargains, 0)) / (COALESCE(b.lines, 0) + 10)
           AS discount_share,
       (LEAST(refunds, orders) + 5 * r.returns) / (orders + 5) AS return_share
FROM customer_features f
CROSS JOIN shop s
CROSS JOIN returns r
LEFT JOIN bargains b ON b.customer = f.customer
WHERE orders > 0
ORDER BY f.customer
