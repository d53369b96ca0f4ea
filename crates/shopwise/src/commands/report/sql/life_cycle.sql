SELECT life_cycle, count(*) AS customers, sum(expected_purchases) AS purchases,
       sum(expected_value) AS value, avg(churn) AS churn
FROM profiles
WHERE life_cycle IS NOT NULL
GROUP BY life_cycle
ORDER BY value DESC, life_cycle
