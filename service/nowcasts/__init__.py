"""One nowcast over HTTP: request, waiting, views and the forecast file."""
