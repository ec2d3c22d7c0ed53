"""What the dialects of the OpenAI family share: usage, finish reasons, errors, and what their providers want."""
