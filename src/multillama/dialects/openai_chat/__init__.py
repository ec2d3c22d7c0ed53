"""`openai.chat`: `/v1/chat/completions`, the dialect that nearly every provider speaks."""
