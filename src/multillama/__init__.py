"""MultiLlama: many LLM servers behind one OpenAI-compatible URL."""

__version__ = "0.1.0"
