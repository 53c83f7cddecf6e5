"""What the registry is made of: manifests, a shared folder, a history; torch-free."""
