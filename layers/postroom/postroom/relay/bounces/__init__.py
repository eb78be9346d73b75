"""What others report about mail of ours: bounces, complaints, notices of Amazon SES."""
