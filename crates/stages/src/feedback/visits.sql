WITH visits AS (
  SELECT decision, min(customer) AS customer, coalesce(min(variant), 'unknown') AS policy,
         min(occurred_at) AS decided_at,
         sum(CASE WHEN kind = 'ad_shown' THEN 1 ELSE 0 END) AS ads_shown,
         sum(CASE WHEN kind = 'ad_shown' AND clicked THEN 1 ELSE 0 END) AS ads_clicked,
         sum(CASE WHEN kind <> 'ad_shown' THEN 1 ELSE 0 END) AS recommendations_shown,
         sum(CASE WHEN kind <> 'ad_shown' AND clicked THEN 1 ELSE 0 END) AS recommendations_clicked,
         sum(cost) AS spend
  FROM exposures
  WHERE decision IS NOT NULL AND customer IS NOT NULL
  GROUP BY decision
),
within AS (
  SELECT v.decision, max(s.ended_at) AS ended_at, sum(s.orders) AS orders, sum(s.amount) AS amount
  FROM visits v
  JOIN sessions s
    ON s.customer = v.customer AND v.decided_at BETWEEN s.started_at AND s.ended_at
  GROUP BY v.decision
),
later AS (
  SELECT e.decision, sum(e.value) AS amount
  FROM exposures e
  LEFT JOIN within w ON w.decision = e.decision
  WHERE e.converted AND (w.ended_at IS NULL OR e.converted_at > w.ended_at)
  GROUP BY e.decision
)
SELECT v.customer, v.policy, coalesce(p.segment, 'none') AS segment,
       CAST(v.ads_shown AS DOUBLE) AS ads_shown,
       CAST(v.ads_clicked AS DOUBLE) AS ads_clicked,
       CAST(v.recommendations_shown AS DOUBLE) AS recommendations_shown,
       CAST(v.recommendations_clicked AS DOUBLE) AS recommendations_clicked,
       CASE WHEN coalesce(w.orders, 0) > 0 OR l.decision IS NOT NULL THEN 1.0 ELSE 0.0 END
         AS ordered,
       (coalesce(w.amount, 0) + coalesce(l.amount, 0)) / 1000000.0 AS revenue,
       CAST(v.spend AS DOUBLE) / 1000000.0 AS spend
FROM visits v
LEFT JOIN within w ON w.decision = v.decision
LEFT JOIN later l ON l.decision = v.decision
LEFT JOIN profiles p ON p.customer = v.customer
ORDER BY v.decided_at, v.decision
