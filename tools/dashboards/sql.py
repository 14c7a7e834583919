"""Queries of the ledger in PostgreSQL: batches, where they stood, vials and alarms.

They ask for what the role of Grafana may see (``storage.grants.SHOWN``). The span that is shown
comes in seconds, of the type int4: it is made a bigint before it becomes milliseconds.
"""

_SPAN = """
WITH span AS (
  SELECT $__unixEpochFrom()::bigint * 1000 AS start_at, $__unixEpochTo()::bigint * 1000 AS end_at
)"""

_OCCURRENCES = f"""{_SPAN}, occurrence AS (
  SELECT history, rule, occurrence, min(channel) AS channel,
    (array_agg(severity ORDER BY number DESC) FILTER (WHERE severity <> ''))[1] AS severity,
    min(at) FILTER (WHERE what = 'set') AS set_at,
    min(at) FILTER (WHERE what = 'ack') AS ack_at,
    max(number) FILTER (WHERE what = 'ack') AS acked,
    max(number) FILTER (WHERE what IN ('set', 're_alarm', 'unack', 'queued')) AS asked,
    max(at) FILTER (WHERE what IN ('clear', 'closed', 'cancelled', 'removed')) AS clear_at,
    max(number) FILTER (WHERE what IN ('set', 're_alarm', 'unack')) AS raised,
    max(number) FILTER (WHERE what IN ('clear', 'closed', 'cancelled', 'removed')) AS ended,
    bool_or(what = 'void') AS is_void,
    count(*) FILTER (WHERE what = 'escalate') AS escalated
  FROM alarm_event
  WHERE occurrence IS NOT NULL AND rule NOT LIKE 'drill:%'
  GROUP BY history, rule, occurrence
  HAVING count(*) FILTER (WHERE what = 'set') > 0
)"""

STANDING_ALARMS = f"""{_OCCURRENCES}
SELECT severity, channel, rule, to_timestamp(set_at / 1000.0) AS "since",
  CASE WHEN acked > asked THEN 'acknowledged' ELSE 'unacknowledged' END AS "state"
FROM occurrence WHERE raised > coalesce(ended, 0) AND NOT is_void
ORDER BY coalesce(acked > asked, false), set_at"""

STANDING_COUNT = f"""{_OCCURRENCES}
SELECT count(*) AS "alarms" FROM occurrence WHERE raised > coalesce(ended, 0) AND NOT is_void"""

_EXCURSIONS = f"""{_OCCURRENCES}
SELECT set_at AS "time",
  CASE WHEN raised > coalesce(ended, 0) THEN span.end_at ELSE clear_at END AS "timeend",
  channel || ': ' || rule AS "text", severity AS "tags"
FROM occurrence, span
WHERE set_at < span.end_at AND NOT is_void
  AND (raised > coalesce(ended, 0) OR clear_at > span.start_at)"""

EXCURSIONS = f"{_EXCURSIONS}\nORDER BY set_at"
EXCURSIONS_OF_DEVICE = f"""{_EXCURSIONS}
  AND substring(channel FROM '(.*)[.]') = ${{device:sqlstring}}
ORDER BY set_at"""
EXCURSIONS_OF_BATCH = f"""{_EXCURSIONS}
  AND EXISTS (SELECT 1 FROM stay WHERE stay.batch = ${{batch:sqlstring}}
    AND stay.device = substring(channel FROM '(.*)[.]')
    AND stay.start_at < coalesce(clear_at, span.end_at)
    AND (stay.end_at IS NULL OR stay.end_at > set_at))
ORDER BY set_at"""

ALARMS_OF_BATCH = f"""{_SPAN}
SELECT alarm_event.at AS "time", channel || ': ' || what AS "text", severity AS "tags"
FROM span, alarm_event JOIN stay ON stay.device = substring(channel FROM '(.*)[.]')
  AND stay.start_at <= alarm_event.at
  AND (stay.end_at IS NULL OR stay.end_at > alarm_event.at)
WHERE stay.batch = ${{batch:sqlstring}} AND what IN ('set', 'ack', 'clear', 'escalate')
  AND alarm_event.at BETWEEN span.start_at AND span.end_at
ORDER BY alarm_event.at"""

PLACEMENTS = f"""{_SPAN}
SELECT stay.start_at AS "time", coalesce(stay.end_at, span.end_at) AS "timeend",
  device || ' ' || position AS "text", 'placement' AS "tags"
FROM stay, span
WHERE batch = ${{batch:sqlstring}} AND stay.start_at < span.end_at
  AND (stay.end_at IS NULL OR stay.end_at > span.start_at)
ORDER BY stay.start_at"""

WHEREABOUTS = f"""{_SPAN}, edge AS (
  SELECT start_at, device || ' ' || position AS place FROM stay WHERE batch = ${{batch:sqlstring}}
  UNION ALL
  SELECT end_at, NULL FROM stay AS gone WHERE batch = ${{batch:sqlstring}} AND end_at IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM stay AS next
      WHERE next.batch = gone.batch AND next.start_at = gone.end_at)
)
SELECT to_timestamp(edge.start_at / 1000.0) AS "time", place AS "stood in"
FROM edge, span WHERE edge.start_at < span.end_at ORDER BY edge.start_at"""

STAYS = """
SELECT device, position, to_timestamp(start_at / 1000.0) AS "from",
  to_timestamp(end_at / 1000.0) AS "until", done_by AS "by", reason
FROM stay WHERE batch = ${batch:sqlstring} ORDER BY start_at"""

BATCHES = "SELECT id FROM culture ORDER BY opened_at DESC, id"
DEVICES_OF_BATCH = "SELECT DISTINCT device FROM stay WHERE batch = ${batch:sqlstring} ORDER BY 1"

BATCH = """
SELECT product, protocol, to_timestamp(opened_at / 1000.0) AS "opened", opened_by AS "by",
  to_timestamp(closed_at / 1000.0) AS "closed"
FROM culture WHERE id = ${batch:sqlstring}"""

INSIDE_NOW = """
SELECT device, position, batch, to_timestamp(start_at / 1000.0) AS "since"
FROM stay WHERE end_at IS NULL ORDER BY device, position, batch"""

INSIDE_DEVICE = """
SELECT position, batch, to_timestamp(start_at / 1000.0) AS "since", done_by AS "by"
FROM stay WHERE end_at IS NULL AND device = ${device:sqlstring} ORDER BY position, batch"""

VIALS_IN_DEVICE = """
SELECT aliquot.batch AS "frozen from", count(*) AS "vials",
  to_timestamp(min(aliquot.frozen_at) / 1000.0) AS "since"
FROM aliquot JOIN stay ON stay.batch = aliquot.id
WHERE stay.end_at IS NULL AND stay.device = ${device:sqlstring}
GROUP BY aliquot.batch ORDER BY aliquot.batch"""

ALARMS_A_DAY = f"""{_OCCURRENCES}
SELECT date_trunc('day', to_timestamp(set_at / 1000.0)) AS "time", severity AS "metric",
  count(*) AS "alarms"
FROM occurrence, span
WHERE set_at BETWEEN span.start_at AND span.end_at AND NOT is_void
GROUP BY 1, 2 ORDER BY 1, 2"""

ALARMS_BY_RULE = f"""{_OCCURRENCES}
SELECT rule, channel, count(*) AS "alarms", count(*) FILTER (WHERE is_void) AS "void",
  sum(escalated) AS "escalations"
FROM occurrence, span WHERE set_at BETWEEN span.start_at AND span.end_at
GROUP BY rule, channel ORDER BY count(*) DESC, rule LIMIT 10"""

TIME_TO_ACK = f"""{_OCCURRENCES}
SELECT severity, count(*) AS "alarms", count(ack_at) AS "acknowledged",
  percentile_cont(0.5) WITHIN GROUP (ORDER BY ack_at - set_at) / 1000.0 AS "median to ack",
  percentile_cont(0.9) WITHIN GROUP (ORDER BY ack_at - set_at) / 1000.0 AS "nine in ten"
FROM occurrence, span WHERE set_at BETWEEN span.start_at AND span.end_at
GROUP BY severity ORDER BY severity"""

BUSIEST_TEN_MINUTES = f"""{_OCCURRENCES}
SELECT coalesce(max(alarms), 0) AS "alarms" FROM (
  SELECT count(*) AS alarms FROM occurrence, span
  WHERE set_at BETWEEN span.start_at AND span.end_at
  GROUP BY set_at / 600000) AS bucket"""

PAGES_BY_PERSON = f"""{_SPAN}
SELECT told AS "person", count(*) FILTER (WHERE what = 'queued') AS "pages",
  count(*) FILTER (WHERE what IN ('notice', 'all_clear', 'closed')) AS "notices",
  count(*) FILTER (WHERE what = 'drill') AS "drills"
FROM alarm_event, span
WHERE told <> '' AND at BETWEEN span.start_at AND span.end_at
GROUP BY told ORDER BY count(*) DESC, told"""

SILENCED = f"""{_SPAN}
SELECT to_timestamp(at / 1000.0) AS "time", what, rule, channel, done_by AS "by", why
FROM alarm_event, span
WHERE what IN ('shelved', 'suppressed', 'out_of_service')
  AND at BETWEEN span.start_at AND span.end_at
ORDER BY at DESC LIMIT 200"""

TROUBLES = f"""{_SPAN}
SELECT to_timestamp(at / 1000.0) AS "time", why AS "trouble"
FROM alarm_event, span
WHERE what = 'system' AND at BETWEEN span.start_at AND span.end_at
ORDER BY at DESC LIMIT 200"""
