"""The queries of the runbooks: Logs Insights files, each the first question of some failure modes.

A file is a query as AWS takes it; its first lines are comments that say what it is for:

    # question: Which errors fill the dead letter queue?
    # modes: 1
    # alarms: DLQ_SPIKE
    # log groups: /firedrill/orders
"""

from detectors.queries.files import QueryFile, built_in, for_alarm, read

__all__ = ["QueryFile", "built_in", "for_alarm", "read"]
