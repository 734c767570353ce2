"""Forms of a plan: what is asked next, what an answer must be, and the records that answers become."""
