"""The tasks of a worker: forecast a job, score it later, process the frame of a stream."""
