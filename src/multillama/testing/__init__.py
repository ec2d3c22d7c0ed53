"""A scripted LLM server for tests, ours and users': well-behaved, slow, broken, on demand."""
