"""What operators ask and do, for the command line and later the gateway: no presentation, no settings."""
