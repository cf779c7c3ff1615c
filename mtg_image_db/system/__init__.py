"""What the operating system gives: files, locks, cores; and how work tells that it advances."""
