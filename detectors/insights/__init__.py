"""An interpreter for the part of CloudWatch Logs Insights' query language that our queries use.

LocalStack takes queries and ignores most of what they say (filter, stats, parse), so what our
runbooks ask is answered here, from the events themselves. What is not in this subset is refused
with its line and column, never skipped: a query that silently means less is worse than none.

The semantics are those of the CloudWatch Logs user guide, "CloudWatch Logs Insights language query
syntax" and the pages below it (CWL_QuerySyntax*), and "Supported logs and discovered fields". Where
the guide says nothing, the function concerned says what we do. Nothing here does I/O.
"""

from detectors.insights.evaluate import Result, run
from detectors.insights.events import LogEvent
from detectors.insights.parser import parse
from detectors.insights.syntax import Query, QueryError
from detectors.insights.values import Timestamp, Value, shown

__all__ = ["LogEvent", "Query", "QueryError", "Result", "Timestamp", "Value", "parse", "run", "shown"]
