"""The audit of a plan over live state: how large each segment is and was, which say the same, and what never happened."""
