"""Files, locks, cores and tables; and how long work reports its progress."""
