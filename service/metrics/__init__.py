"""The metrics at ``/metrics``, a module for each subject."""
