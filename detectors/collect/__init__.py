"""The collector: reads every source each second and publishes to CloudWatch."""
