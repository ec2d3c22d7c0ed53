"""What the dialects of Ollama have in common: options, images, calls, figures, and lines of JSON."""
