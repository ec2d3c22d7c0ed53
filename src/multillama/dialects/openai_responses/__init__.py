"""OpenAI's Responses, which Codex and OpenAI's SDKs speak, and vLLM, llama.cpp, Ollama and LM Studio serve, too."""
