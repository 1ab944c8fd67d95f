"""The log shipper: what every part of the stack writes, into CloudWatch Logs."""
