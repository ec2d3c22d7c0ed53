"""`ollama.chat`: `/api/chat`."""
