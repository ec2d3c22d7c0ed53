"""What holds for every test."""

from hypothesis import settings

# A property is about what comes out. On a busy machine one example may take longer than Hypothesis' 200 ms.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
