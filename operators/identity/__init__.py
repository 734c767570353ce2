"""Who is who: which person an event belongs to, and which persons are one."""
