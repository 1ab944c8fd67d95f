"""The query language: what the CloudWatch Logs user guide shows and says, on data of our own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.insights import LogEvent, QueryError, Result, Value, parse, run, shown
from detectors.insights.values import Timestamp, compared, order

START = 1_700_000_000_000  # 2023-11-14 22:13:20 UTC


def logged(*lines: Mapping[str, Any] | str, every_ms: int = 1_000) -> list[LogEvent]:
    """Return events a second apart, the first one oldest."""
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    return [LogEvent(START + n * every_ms, text, "/g", "s") for n, text in enumerate(texts)]


def asked(query: str, *lines: Mapping[str, Any] | str) -> list[dict[str, Value]]:
    """Return the rows of an answer, without what is null."""
    return [present(row) for row in run(parse(query), logged(*lines)).rows]


def present(row: Mapping[str, Value]) -> dict[str, Value]:
    return {name: value for name, value in row.items() if value is not None}


def value_of(expression: str, **fields: Any) -> Value:
    """Return what an expression is on one event."""
    return run(parse(f"fields {expression} as x"), logged(fields)).rows[0]["x"]


# --- what the guide shows (CWL_QuerySyntax and the pages below it) -----------------------------


FLOW = [
    {"srcAddr": "10.0.0.1", "dstAddr": "10.0.0.9", "packets": 7, "bytes": 700, "action": "ACCEPT"},
    {"srcAddr": "10.0.0.2", "dstAddr": "10.0.0.9", "packets": 3, "bytes": 100, "action": "REJECT"},
    {"srcAddr": "10.0.0.1", "dstAddr": "10.0.0.9", "packets": 5, "bytes": 300, "action": "ACCEPT"},
]


def test_filter_takes_a_condition_in_parentheses_and_limit_the_most_recent() -> None:
    """The page on filter: range over 3000, newest first."""
    query = "fields @timestamp, range | filter (range>3000) | sort @timestamp desc | limit 2"
    rows = asked(query, *({"range": size} for size in (1000, 4000, 5000, 6000)))

    assert [6000, 5000] == [row["range"] for row in rows]


def test_sort_and_limit_make_a_top_n_of_a_sum() -> None:
    """The page on sort: packet transfers across hosts."""
    query = """
        stats sum(packets) as packetsTransferred by srcAddr, dstAddr
        | sort packetsTransferred desc
        | limit 1
    """

    assert [{"srcAddr": "10.0.0.1", "dstAddr": "10.0.0.9", "packetsTransferred": 12}] == asked(query, *FLOW)


def test_parse_takes_fields_out_with_a_glob() -> None:
    """The page on parse: user, method and latency, which is then averaged."""
    query = """
        parse @message "user=*, method:*, latency := *" as @user, @method, @latency
        | stats avg(@latency) by @method, @user
    """
    lines = [f"user=ann, method:GET, latency := {n}" for n in (10, 20)]

    assert [{"@method": "GET", "@user": "ann", "avg(@latency)": 15}] == asked(query, *lines)


def test_parse_takes_fields_out_with_named_groups() -> None:
    """The page on parse: the network interface of a flow log."""
    query = "parse @message /(?<NetworkInterface>eni-.*?) / | display NetworkInterface"

    assert [{"NetworkInterface": "eni-12"}] == asked(query, "2 123 eni-12 10.0.0.1")


def test_like_finds_regular_expressions_and_strings_with_case() -> None:
    """The page on filter: three forms of the same, and one that ignores case."""
    lines = [{"f1": "an Exception"}, {"f1": "an exception"}]

    for matched in ("like /Exception/", "=~ /Exception/", 'like "Exception"'):
        assert 1 == len(asked(f"fields f1 | filter f1 {matched}", *lines))
    assert 2 == len(asked("fields f1 | filter f1 like /(?i)Exception/", *lines))
    assert 0 == len(asked("fields f1 | filter f1 =~ /^(?i)Exception$/", *lines))


def test_dedup_keeps_the_newest_of_each_and_every_null() -> None:
    """The page on dedup: null values are not considered duplicates."""
    query = "fields server, n | sort @timestamp desc | dedup server"
    rows = asked(query, *({"server": "a", "n": n} for n in (1, 2)), {"n": 3}, {"n": 4})

    assert [{"n": 4}, {"n": 3}, {"server": "a", "n": 2}] == rows


def test_sort_orders_as_the_guide_s_list() -> None:
    """The page on sort has this list, ascending."""
    expected = ["!:", "#", "*%04", "0#", "5A", "111A", "2345_", "@", "@_", "A", "A9876fghj", "a12345hfh"]
    expected += ["0", "01", "1", "2", "3"]

    rows = asked("fields v | sort v asc", *({"v": v} for v in sorted(expected)))

    assert expected == [row["v"] for row in rows]


def test_nested_fields_have_dots_and_the_items_of_arrays_numbers() -> None:
    """The page on discovered fields: requestParameters.instancesSet.items.0.instanceId."""
    event = {"request": {"set": {"items": [{"id": "i-abc"}]}}}

    assert "i-abc" == value_of("request.set.items.0.id", **event)


def test_a_second_stats_works_on_what_the_first_left() -> None:
    """The page on stats: the busiest of several bins."""
    query = """
        stats sum(bytes) as b by bin(1s)
        | stats max(b) as peak, min(b) as low
    """

    assert [{"peak": 700, "low": 100}] == asked(query, *FLOW)


def test_bin_makes_buckets_of_time_that_show_as_dates() -> None:
    """The page on stats: stats count(*) by bin(30s); both of a bucket begin with it."""
    rows = asked("stats count(*) by bin(2s) | sort bin(2s)", *FLOW)

    assert ["2023-11-14 22:13:20.000", "2023-11-14 22:13:22.000"] == [shown(row["bin(2s)"]) for row in rows]
    assert [2, 1] == [row["count(*)"] for row in rows]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("2 ^ 3", 8),
        ("10 % 3", 1),
        ("1 + 2 * 3 - 4 / 2", 5),
        ("abs(f - 10)", 5),
        ("ceil(1.2) + floor(1.8)", 3),
        ("greatest(1, f, 3)", 5),
        ("least(1, f, 3)", 1),
        ("sqrt(f + 4)", 3),
        ('ltrim("xyZfooxyZ", "xyZ")', "fooxyZ"),
        ('rtrim("xyZfooxyZ", "xyZ")', "xyZfoo"),
        ('trim("xyZfooxyZ", "xyZ")', "foo"),
        ('substr("xyZfooxyZ", 3, 3)', "foo"),
        ('substr("xyZfooxyZ", 6)', "xyZ"),
        ('replace("foo", "o", "0")', "f00"),
        ('strcontains("foo", "oo")', 1),
        ('strlen("größe")', 5),
        ("coalesce(nothing, s)", "text"),
        ('concat(s, "-", f)', "text-5"),
        ("toupper(s)", "TEXT"),
        ("isPresent(s) + ispresent(nothing)", 1),
        ('isempty(nothing) + isblank("  ") + isempty(s)', 2),
        ("f in [1, 5]", 1),
        ('s not in ["a", "text"]', 0),
        ("toMillis(datefloor(@timestamp, 1h))", 1_699_999_200_000),
        ("toMillis(dateceil(@timestamp, 1h))", 1_700_002_800_000),
        ("`f-g`", 6),
    ],
)
def test_functions_and_operators_do_what_the_guide_says(expression: str, expected: Value) -> None:
    """The page on operations and functions, mostly with its own examples."""
    assert expected == value_of(expression, f=5, s="text", **{"f-g": 6})


# --- what a query without much says ------------------------------------------------------------


def test_a_query_without_fields_shows_time_and_message_newest_first() -> None:
    """The page on filter: such results show @timestamp and @message."""
    answer = run(parse("filter n > 0"), logged({"n": 0}, {"n": 1}, {"n": 2}))

    assert ("@timestamp", "@message") == answer.columns
    assert ['{"n": 2}', '{"n": 1}'] == [row["@message"] for row in answer.rows]
    assert (3, 2) == (answer.scanned, answer.matched)


def test_a_query_without_a_limit_returns_ten_thousand() -> None:
    """The page on limit; a runbook must not print a million lines."""
    events = [LogEvent(START + n, "x", "/g", "s") for n in range(10_001)]

    assert 10_000 == len(run(parse("fields @message"), events).rows)
    assert 10_001 == len(run(parse("fields @message | limit 20000"), events).rows)


def test_true_is_discovered_as_one() -> None:
    """Insights does so: `dlq = 1` finds what `dlq = true` would not."""
    assert 1 == len(asked("filter dlq = 1", {"dlq": True}, {"dlq": False}, {}))


def test_a_comparison_with_a_missing_field_neither_holds_nor_fails() -> None:
    """Else `!=` and `not` would find the lines of everybody who never had the field."""
    for condition in ('f != "a"', 'not f = "a"', "f not like /a/", 'f not in ["a"]', "f < 1"):
        assert [] == asked(f"filter {condition}", {"other": 1})
    assert 1 == len(asked('filter f != "a" or not ispresent(f)', {"other": 1}))


def test_what_looks_like_a_number_is_one() -> None:
    """Fields that `parse` took out of a text are compared and summed like those of JSON."""
    query = 'parse @message "took=*" as took | filter took > 9 | stats sum(took), max(took)'

    assert [{"sum(took)": 110, "max(took)": "100"}] == asked(query, "took=9", "took=10", "took=100")


def test_aggregates_leave_out_what_is_null() -> None:
    """count(field) counts the events that have the field (the page on stats)."""
    query = "stats count(*), count(n), count_distinct(n), avg(n), pct(n, 50), latest(n), earliest(n)"
    expected = [4, 3, 2, 2, 1, 4, 1]

    assert expected == list(asked(query, {"n": 1}, {"n": 1}, {"n": 4}, {"m": 9})[0].values())


def test_what_shows_alike_need_not_be_the_same() -> None:
    """Numbers are shown with four decimals; 5 and "5" are one."""
    rates: list[dict[str, Any]] = [{"r": 0.00001}, {"r": 0.00002}, {"r": 5}, {"r": "5"}]

    assert [{"count_distinct(r)": 3}] == asked("stats count_distinct(r)", *rates)
    assert 3 == len(asked("stats count(*) by r", *rates)) == len(asked("fields r | dedup r", *rates))


def test_an_aggregate_of_nothing_is_null_and_a_count_zero() -> None:
    """A sum of no values is unknown, not 0; but nothing can be counted."""
    assert [{"count(*)": 0}] == asked("filter n > 1 | stats count(*), sum(n), min(n), pct(n, 9)", {"n": 1})
    assert [] == asked("filter n > 1 | stats count(*) by n", {"n": 1})


def test_a_missing_field_is_a_group_of_its_own() -> None:
    """Whoever counts by error must see those without one too."""
    assert [{"count(*)": 2}, {"e": "x", "count(*)": 1}] == asked(
        "stats count(*) by e | sort e", {}, {"e": "x"}, {"e": None}
    )


def test_comments_and_line_breaks_mean_nothing() -> None:
    """The page on comments: such a line is ignored, a # in a string is not one."""
    query = '# first\nfields a # then\n# | filter a = "no"\n| filter a = "#1"'

    assert [{"a": "#1"}] == asked(query, {"a": "#1"}, {"a": "no"})


def test_display_shows_its_columns_only() -> None:
    """The page on display: the last one counts."""
    assert [{"b": 2}] == asked("fields a | display a | display b", {"a": 1, "b": 2})


def test_text_that_is_no_json_has_no_fields() -> None:
    """A traceback beside JSON lines must not break a query over them."""
    assert [{"@message": "{no json"}] == asked("fields @message, a", "{no json")


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "where", "what"),
    [
        ("fields @timestamp, order_id\nfilter dlq = 1", "line 2, column 1", "expected | before the next"),
        ("filter dlq = true", "line 1, column 14", "1 for true"),
        ("fields a\n| pattern @message", "line 2, column 3", "'pattern' is no command we support; those are"),
        ("fields jsonParse(a)", "line 1, column 8", "no function we support; those are abs"),
        ("filter count(*) > 1", "line 1, column 8", "belongs in stats"),
        ("stats count(*) by a\n| filter b = 1", "line 2, column 10", "there is no b after stats"),
        ("stats a by b", "line 1, column 7", "needs an aggregate"),
        ("stats count(*) + a", "line 1, column 7", "a is in no aggregate"),
        ("stats sum(count(*))", "line 1, column 11", "not inside another"),
        ("stats count(a, b)", "line 1, column 7", "takes 0 to 1 arguments, not 2"),
        ("stats count(*) by a | stats latest(a)", "line 1, column 29", "needs @timestamp"),
        ("stats count(*) by bin(1mo)", "line 1, column 23", "expected a period"),
        ("sort a | stats count(*)", "line 1, column 10", "sort must come after the last stats"),
        ("limit 5 | stats count(*)", "line 1, column 11", "limit must come after"),
        ("dedup a | filter b = 1", "line 1, column 11", "only limit may follow dedup"),
        ("limit 0", "line 1, column 7", "from 1 to 100000"),
        ("limit x", "line 1, column 7", "takes a number"),
        ("parse @message /(a)(?<b>c)/", "line 1, column 16", "every group"),
        ('parse @message "a*" as b, c', "line 1, column 16", "1 * in this pattern, but 2 names"),
        ("filter a like /(/", "line 1, column 15", "not understood"),
        ("filter a like /x", "line 1, column 15", "no closing /"),
        ('filter a = "x', "line 1, column 12", "never closed"),
        ("filter a ; b", "line 1, column 10", "means nothing"),
        ("filter a not b", "line 1, column 14", "expected like or in"),
        ("fields a,", "line 1, column 10", "not 'the end of the query'"),
        ("", "line 1, column 1", "no command"),
        ("stats count(*) | stats count(*) | stats count(*)", "line 1, column 35", "at most 2"),
    ],
)
def test_what_is_not_understood_is_refused_with_its_place(query: str, where: str, what: str) -> None:
    """A query that silently means less than it says is worse than none."""
    with pytest.raises(QueryError) as refused:
        parse(query)

    assert str(refused.value).startswith(f"{where}: ")
    assert what in str(refused.value)


# --- what must hold for any --------------------------------------------------------------------


VALUES = st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)


@settings(deadline=None)
@given(VALUES, VALUES)
def test_a_comparison_is_the_same_from_both_sides(left: Value, right: Value) -> None:
    """Less one way is more the other way; sorting never fails, whatever is mixed."""
    how, back = compared(left, right), compared(right, left)

    assert how is None or back is None or how == -back
    assert sorted([left, right], key=order)


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_parsed_or_refused_with_its_place(text: str) -> None:
    """A query file is anything a person typed: it must never be a bug in firedrill."""
    refused = ""
    try:
        parse(text)
    except QueryError as error:
        refused = str(error)

    assert not refused or refused.startswith("line ")


TOKENS = ["fields", "filter", "stats", "count(*)", "sum(n)", "by", "n", "e", "=", "1", '"x"', "|", "(", ")"]
TOKENS += ["sort", "desc", "limit", "like", "/x/", "in", "[", "]", ",", "as", "bin(1s)", "not", "and", "+"]


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(TOKENS), max_size=12),
    st.lists(st.fixed_dictionaries({"n": VALUES, "e": VALUES})),
)
def test_what_parses_also_runs(words: list[str], lines: list[dict[str, Any]]) -> None:
    """Whatever a query says and whatever is logged, there is an answer."""
    try:
        query = parse(" ".join(words))
    except QueryError:
        return
    answer: Result = run(query, logged(*lines))

    assert all(answer.columns == tuple(row) for row in answer.rows)


@settings(deadline=None)
@given(st.lists(st.sampled_from("xyz")))
def test_stats_counts_as_counting_does(errors: list[str]) -> None:
    """The number in the runbook is the number of lines."""
    rows = asked("stats count(*) as n by e", *({"e": error} for error in errors))

    assert {error: errors.count(error) for error in errors} == {row["e"]: row["n"] for row in rows}


def test_a_timestamp_shows_as_insights_has_it() -> None:
    """With milliseconds, in UTC; a number stays a number."""
    assert "2023-11-14 22:13:20.007" == shown(Timestamp(START + 7))
    assert ["7", "0.3333", "2", ""] == [shown(value) for value in (7, 1 / 3, 2.0, None)]
