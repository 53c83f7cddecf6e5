"""What every request passes: hosts, origins, body limits, HEAD."""
