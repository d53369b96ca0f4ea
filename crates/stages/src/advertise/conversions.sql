SELECT *
FROM (SELECT customer, campaign, placement, CAST(position AS VARCHAR) AS position, device, channel,
             converted, value, occurred_at, event_id, line, {features}
      FROM exposures
      WHERE kind = 'ad_shown' AND clicked AND settled
      ORDER BY occurred_at DESC, event_id DESC, line DESC
      LIMIT {limit}) AS newest
ORDER BY occurred_at, event_id, line
