SELECT CAST(LEAST(FLOOR(churn * 10), 9) AS BIGINT) AS tenth, count(*) AS customers,
       sum(expected_value) AS value
FROM profiles
WHERE churn IS NOT NULL
GROUP BY 1
ORDER BY 1
