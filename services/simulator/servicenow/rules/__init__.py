"""Business rules and data policies of the ITSM tables (servicenow-api 6)."""
