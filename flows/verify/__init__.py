"""Whether mail arrives at the addresses of persons: looked up beside the job, and told to it as events."""
