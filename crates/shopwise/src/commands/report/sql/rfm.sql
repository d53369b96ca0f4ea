SELECT recency_score, frequency_score, count(*) AS customers
FROM profiles
GROUP BY recency_score, frequency_score
ORDER BY recency_score, frequency_score
