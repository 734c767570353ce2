"""What data looks like: frozen values, the wire format, the plan's model. Imports nothing of ours."""
