"""Fetching: radar images of agencies become frames of streams, by the ordinary intake."""
