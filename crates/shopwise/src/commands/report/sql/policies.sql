SELECT coalesce(variant, 'unknown') AS policy, CAST(min(occurred_at) AS BIGINT) AS first_at,
       CAST(max(occurred_at) AS BIGINT) AS last_at
FROM exposures
WHERE decision IS NOT NULL AND customer IS NOT NULL
GROUP BY 1
ORDER BY 1
