"""Published models: manifests, a shared folder, the history of what served; torch-free."""
