"""The state in Redis: small stores over one client, and Lua that compares epoch and run on every write."""
