"""The alarms and the dashboards in the formats of other systems: {relative file name: text}, no I/O."""
