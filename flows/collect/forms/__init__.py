"""Forms of the plan, served by the edge: as pages that need no script, and as JSON."""
