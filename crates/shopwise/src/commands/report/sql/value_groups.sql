SELECT p.rfm_group AS value_group, count(*) AS customers, sum(c.monetary) AS revenue,
       avg(CAST(c.orders AS DOUBLE)) AS orders, avg(c.recency_days) AS recency_days
FROM profiles p
JOIN customer_features c ON c.customer = p.customer
GROUP BY p.rfm_group
ORDER BY revenue DESC, value_group
