"""The service under load for an hour, watched for leaks."""
