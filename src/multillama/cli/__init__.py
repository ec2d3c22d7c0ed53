"""The command line: one file per verb. What it says is for people; what it does, `app` does."""
