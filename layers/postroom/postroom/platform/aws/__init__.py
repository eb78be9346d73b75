"""Adapters: the ports over S3, DynamoDB, SQS and SNS."""
