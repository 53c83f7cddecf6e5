"""What a worker process needs of its machine: threads, memory, CPUs, logs."""
