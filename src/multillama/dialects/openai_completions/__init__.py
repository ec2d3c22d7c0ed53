"""`openai.completions`: `/v1/completions`, plain text that is continued."""
