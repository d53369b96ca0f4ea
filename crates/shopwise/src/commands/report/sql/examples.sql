WITH told AS (
  SELECT customer, count(DISTINCT because) AS reasons, count(DISTINCT reason) AS kinds
  FROM recommendations
  WHERE rank <= 5
  GROUP BY customer
),
placed AS (
  SELECT t.customer, t.reasons, f.segment,
         row_number() OVER (PARTITION BY f.segment
                            ORDER BY t.kinds DESC, t.reasons DESC, t.customer) AS place
  FROM told t
  JOIN profiles f ON f.customer = t.customer
),
picked AS (
  SELECT customer, segment
  FROM placed
  ORDER BY place, reasons DESC, customer
  LIMIT 3
)
SELECT r.customer, r.rank, coalesce(p.title, r.product) AS title, r.reason,
       coalesce(b.title, r.because) AS because, c.orders, s.name_en, s.name_zh
FROM recommendations r
JOIN picked k ON k.customer = r.customer
JOIN customer_features c ON c.customer = r.customer
LEFT JOIN product_features p ON p.product = r.product
LEFT JOIN product_features b ON b.product = r.because
LEFT JOIN segments s ON s.segment = k.segment
WHERE r.rank <= 5
ORDER BY r.customer, r.rank
