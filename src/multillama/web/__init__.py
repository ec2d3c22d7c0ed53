"""The page for people: endpoints, models, what just happened. It reads; it never routes."""
