SELECT month, count(*) AS orders, CAST(sum(amount) AS DOUBLE) / 1e6 AS revenue,
       count(DISTINCT customer) AS customers
FROM (SELECT substr(CAST(occurred_at AS VARCHAR), 1, 7) AS month, amount, customer
      FROM orders) AS o
GROUP BY month
ORDER BY month
