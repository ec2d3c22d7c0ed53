"""Anthropic's Messages, as Claude, and several local servers, speak it."""
