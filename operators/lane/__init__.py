"""The engine: drives the stages over one partition and makes each micro-batch durable."""
