"""The engine (Valkey or Redis): our embedded one, clients, addresses and its condition."""
