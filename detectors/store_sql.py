"""The tables of `detectors.store`, and its longer statements.

Tables, for whoever opens it with SQL:

    series    series, metric, unit, keep (the class of `detectors.retention`)
    points    series, at_s (epoch seconds), value: as collected
    rolled    series, at_s (the step's begin), step_s, count, total, least, most, p50, p95, p99
    dropped   series, count, total: of what is no longer there, for cumulative classes
    bounds    keep, until_s: before that nothing is as it was collected any more
    readings  a view over points (step_s 0) and rolled, with `value`, the average
    counters  a view: the running total of each series of a cumulative class
"""

from __future__ import annotations

from detectors.retention import Keep

SCHEMA = 1

TABLES = f"""
CREATE TABLE about (schema INTEGER);
INSERT INTO about VALUES ({SCHEMA});
CREATE TABLE series (series VARCHAR PRIMARY KEY, metric VARCHAR, unit VARCHAR, keep VARCHAR);
CREATE TABLE points (series VARCHAR, at_s DOUBLE, value DOUBLE);
CREATE TABLE rolled (
    series VARCHAR, at_s DOUBLE, step_s INTEGER, count BIGINT, total DOUBLE, least DOUBLE, most DOUBLE,
    p50 DOUBLE, p95 DOUBLE, p99 DOUBLE
);
CREATE TABLE dropped (series VARCHAR PRIMARY KEY, count BIGINT, total DOUBLE);
CREATE TABLE bounds (keep VARCHAR PRIMARY KEY, until_s DOUBLE);
CREATE VIEW readings AS
    SELECT series, at_s, 0 AS step_s, value, 1::BIGINT AS count, value AS total, value AS least,
        value AS most, NULL::DOUBLE AS p50, NULL::DOUBLE AS p95, NULL::DOUBLE AS p99
    FROM points
    UNION ALL
    SELECT series, at_s, step_s, total / count, count, total, least, most, p50, p95, p99 FROM rolled;
CREATE VIEW counters AS
    SELECT series, at_s, coalesce(dropped.total, 0) + sum(readings.total) OVER (
        PARTITION BY series ORDER BY at_s ROWS UNBOUNDED PRECEDING
    ) AS total
    FROM readings JOIN series USING (series) LEFT JOIN dropped USING (series)
    WHERE keep = '{Keep.ERRORS}';
"""  # noqa: S608 - constants

TAKE = """
INSERT INTO points
SELECT new.series, new.at_s, new.value
FROM new JOIN series USING (series) LEFT JOIN bounds USING (keep)
WHERE new.at_s >= coalesce(until_s, '-infinity') AND NOT EXISTS (
    SELECT 1 FROM points AS old
    WHERE old.at_s BETWEEN ? AND ? AND old.series = new.series AND old.at_s = new.at_s
)
ORDER BY new.series, new.at_s
"""
LATE = """
SELECT count(*) FROM new JOIN series USING (series) JOIN bounds USING (keep) WHERE new.at_s < until_s
"""
# `limits` has, for each class and step, until when (epoch seconds) what is finer has to go. What is
# to be dropped goes into steps longer than any: `NEVER`.
NEVER = 2**31 - 1
DUE = """
FROM readings JOIN series USING (series) JOIN limits USING (keep)
WHERE limits.step_s = $step AND readings.step_s < $step AND at_s < until_s
"""
COUNT = f"""
SELECT keep, count(*), count(DISTINCT (series, floor(at_s / $step))) {DUE} GROUP BY keep
"""
QUANTILES = ", ".join(
    f"quantile_disc(value, {q}) FILTER (WHERE percentiles AND readings.step_s = 0)" for q in (0.5, 0.95, 0.99)
)
ROLL = f"""
INSERT INTO rolled
SELECT series, floor(at_s / $step) * $step AS since, $step, sum(count), sum(total), min(least), max(most),
    {QUANTILES}
{DUE} GROUP BY series, since ORDER BY series, since
"""
REMEMBER = f"""
INSERT INTO dropped SELECT series, sum(count), sum(total) {DUE} AND cumulative GROUP BY series
ON CONFLICT DO UPDATE SET count = dropped.count + excluded.count, total = dropped.total + excluded.total
"""
GO = """
USING series, limits
WHERE series.series = {table}.series AND series.keep = limits.keep
    AND limits.step_s = $step AND at_s < until_s
"""
BOUNDS = """
INSERT INTO bounds SELECT keep, max(until_s) FROM limits GROUP BY keep
ON CONFLICT DO UPDATE SET until_s = greatest(bounds.until_s, excluded.until_s)
"""
