"""What a worker does: forecast a job, score it later, process the frame of a stream."""
