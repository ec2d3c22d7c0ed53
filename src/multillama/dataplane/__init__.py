"""The data plane: sockets, bytes and one coroutine per exchange.

It reads the snapshot and leaves records; it knows no provider, store, log or page. Files follow the bytes:
listener → downstream → exchange → upstream (pool, connect) → relay → downstream.
"""
