"""The tracking plan, kept: `keep` puts events to it, one file each for schemas, for what breaks them, and for where events come from."""
