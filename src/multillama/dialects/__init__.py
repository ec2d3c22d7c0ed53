"""The dialects: each reads and writes its own bytes, and knows the canonical form and no other dialect.

A dialect is a package here and a row in `dialects/catalog.py`.
"""
