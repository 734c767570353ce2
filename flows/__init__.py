"""What runs: the dataflow, the command line, the settings (the one reader of the environment)."""
