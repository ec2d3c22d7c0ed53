"""What the gateway costs, measured beside nginx on the same machine at the same moment. See README.md."""
