-- Each buyer's first purchase, what was known by then, and whether he bought again within 90 days;
-- in the order in which they came. Times are microseconds.
WITH first AS (
    SELECT customer, MIN(occurred_at) AS at
    FROM orders
    WHERE customer IS NOT NULL AND amount > refunded
    GROUP BY customer
), bought AS (
    SELECT f.customer, f.at, SUM(CAST(o.amount AS DOUBLE)) / 1000000 AS amount,
           SUM(CAST(o.lines AS DOUBLE)) AS lines, SUM(CAST(o.quantity AS DOUBLE)) AS pieces,
           MAX(o.country) AS country
    FROM first f
    JOIN orders o ON o.customer = f.customer AND o.occurred_at = f.at
    GROUP BY f.customer, f.at
), later AS (
    SELECT f.customer,
           MAX(CASE WHEN CAST(o.occurred_at AS BIGINT) - CAST(f.at AS BIGINT) <= 7776000000000
               THEN 1 ELSE 0 END) AS again
    FROM first f
    JOIN orders o ON o.customer = f.customer AND o.amount > o.refunded
         AND CAST(o.occurred_at AS BIGINT) - CAST(f.at AS BIGINT) > 86400000000
    GROUP BY f.customer
), before AS (
    SELECT f.customer, SUM(CAST(s.views AS DOUBLE)) AS views, CAST(COUNT(*) AS DOUBLE) AS visits
    FROM first f
    JOIN sessions s ON s.customer = f.customer AND s.started_at <= f.at
    GROUP BY f.customer
), kind AS (
    SELECT f.customer, LAST_VALUE(p.category ORDER BY l.amount, p.category) AS category
    FROM first f
    JOIN order_lines l ON l.customer = f.customer AND l.occurred_at = f.at
    JOIN product_features p ON p.product = l.product
    WHERE p.category IS NOT NULL
    GROUP BY f.customer
)
SELECT b.customer, b.at, LN(1 + b.amount) AS amount, LN(1 + b.lines) AS lines,
       LN(1 + b.pieces) AS pieces, LN(1 + b.amount / GREATEST(b.pieces, 1)) AS price,
       LN(1 + COALESCE(e.views, 0)) AS views, LN(1 + COALESCE(e.visits, 0)) AS visits,
       LN(1 + CAST(CAST(b.at AS BIGINT) - CAST(c.first_seen AS BIGINT) AS DOUBLE) / 86400000000)
           AS waited,
       b.country, k.category, COALESCE(l.again, 0) AS again
FROM bought b
JOIN customer_features c ON c.customer = b.customer
LEFT JOIN later l ON l.customer = b.customer
LEFT JOIN before e ON e.customer = b.customer
LEFT JOIN kind k ON k.customer = b.customer
ORDER BY b.at, b.customer
