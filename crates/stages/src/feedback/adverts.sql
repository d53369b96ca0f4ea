SELECT e.customer, coalesce(e.variant, 'unknown') AS policy, coalesce(p.segment, 'none') AS segment,
       e.campaign, e.propensity, e.occurred_at, CASE WHEN e.clicked THEN 1.0 ELSE 0.0 END AS clicked
FROM exposures e
LEFT JOIN profiles p ON p.customer = e.customer
WHERE e.kind = 'ad_shown' AND e.position = 1 AND e.propensity > 0 AND e.campaign IS NOT NULL
  AND e.customer IS NOT NULL
ORDER BY e.occurred_at, e.event_id, e.line
