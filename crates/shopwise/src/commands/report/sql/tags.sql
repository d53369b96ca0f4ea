SELECT tag, kind, name, count(*) AS customers, avg(share) AS share, avg(lift) AS lift
FROM tags
GROUP BY tag, kind, name
ORDER BY customers DESC, tag
LIMIT 40
