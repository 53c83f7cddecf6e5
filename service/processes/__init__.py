"""The processes of a service and the tree they stand in."""
