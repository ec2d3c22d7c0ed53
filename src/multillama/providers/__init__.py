"""Kinds of LLM servers: how they are recognised, called and asked for their models, as data."""
