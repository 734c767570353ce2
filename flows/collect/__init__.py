"""`beckon collect`, the HTTP edge: events come in over HTTP and go into the log of events, and nothing else comes of them."""
