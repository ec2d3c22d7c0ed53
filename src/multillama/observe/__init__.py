"""What an operator sees of the gateway while it runs: the console log."""
