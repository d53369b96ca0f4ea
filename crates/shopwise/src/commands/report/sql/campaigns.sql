SELECT campaign, count(*) AS shown,
       sum(CASE WHEN clicked THEN 1 ELSE 0 END) AS clicks,
       sum(CASE WHEN converted THEN 1 ELSE 0 END) AS orders,
       sum(cost) AS cost, sum(value) AS value,
       CAST(min(occurred_at) AS BIGINT) AS first_at, CAST(max(occurred_at) AS BIGINT) AS last_at
FROM exposures
WHERE kind = 'ad_shown' AND campaign IS NOT NULL
GROUP BY campaign
ORDER BY cost DESC, campaign
