"""The app: the one place where everything that lives is built, wired together and closed in reverse order."""
