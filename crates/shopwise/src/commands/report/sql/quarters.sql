SELECT quarter, sum(orders) AS orders, sum(amount) AS amount, sum(refunded) AS refunded,
       sum(visits) AS visits, sum(visits_ordering) AS visits_ordering
FROM (
  SELECT CAST(occurred_at AS BIGINT) / 900000000 AS quarter, 1 AS orders, amount, 0 AS refunded,
         0 AS visits, 0 AS visits_ordering
  FROM orders
  UNION ALL
  SELECT CAST(occurred_at AS BIGINT) / 900000000 AS quarter, 0 AS orders, 0 AS amount,
         amount AS refunded, 0 AS visits, 0 AS visits_ordering
  FROM events
  WHERE kind = 'order_refunded'
  UNION ALL
  SELECT CAST(started_at AS BIGINT) / 900000000 AS quarter, 0 AS orders, 0 AS amount,
         0 AS refunded, 1 AS visits,
         CASE WHEN sessions.orders > 0 THEN 1 ELSE 0 END AS visits_ordering
  FROM sessions
) AS moments
GROUP BY quarter
ORDER BY quarter
