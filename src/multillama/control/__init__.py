"""The control plane: makes the snapshot of settings and the endpoints' lists, in the background."""
