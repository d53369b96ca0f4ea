SELECT *
FROM (SELECT customer, campaign, placement,
             concat(placement, '-', CAST(position AS VARCHAR)) AS position, device, channel,
             clicked, occurred_at, event_id, line, {features}
      FROM exposures
      WHERE kind = 'ad_shown'
      ORDER BY occurred_at DESC, event_id DESC, line DESC
      LIMIT {limit}) AS newest
ORDER BY occurred_at, event_id, line
