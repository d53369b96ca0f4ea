SELECT reason, file, count(*) AS rows, min(line) AS line
FROM refused
GROUP BY reason, file
ORDER BY rows DESC, reason, file
LIMIT 50
