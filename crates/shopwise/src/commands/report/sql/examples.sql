WITH told AS (
  SELECT customer, count(DISTINCT because) AS reasons
  FROM recommendations
  WHERE rank <= 5 AND because IS NOT NULL
  GROUP BY customer
),
picked AS (
  SELECT t.customer, t.reasons
  FROM told t
  JOIN customer_features c ON c.customer = t.customer
  WHERE c.orders > 0
  ORDER BY t.reasons DESC, c.orders DESC, t.customer
  LIMIT 3
)
SELECT r.customer, r.rank, coalesce(p.title, r.product) AS title, r.reason,
       coalesce(b.title, r.because) AS because, c.orders, s.name_en, s.name_zh
FROM recommendations r
JOIN picked k ON k.customer = r.customer
JOIN customer_features c ON c.customer = r.customer
LEFT JOIN product_features p ON p.product = r.product
LEFT JOIN product_features b ON b.product = r.because
LEFT JOIN profiles f ON f.customer = r.customer
LEFT JOIN segments s ON s.segment = f.segment
WHERE r.rank <= 5
ORDER BY r.customer, r.rank
