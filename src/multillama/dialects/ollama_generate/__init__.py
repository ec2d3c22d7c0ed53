"""`ollama.generate`: `/api/generate`."""
