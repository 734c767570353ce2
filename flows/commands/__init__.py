"""The commands of `beckon`, one file each."""
