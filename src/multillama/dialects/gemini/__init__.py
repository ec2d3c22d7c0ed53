"""Gemini: `generateContent`, its streams, counting of tokens and embeddings, as google-genai speaks them."""
