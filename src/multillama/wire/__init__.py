"""The wire: bytes to parts and back, with no I/O: heads, chunks, SSE and NDJSON framing, peek and edit."""
