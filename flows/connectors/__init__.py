"""Where bytes come from and go to: Kafka, files, memory."""
