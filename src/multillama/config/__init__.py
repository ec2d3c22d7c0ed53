"""What the operator decides: every setting once, and how flags and environment become settings."""
