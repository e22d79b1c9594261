"""ServiceNow as it behaves: sign-in, encoded queries, Table API, Batch API. HTTP words, no ticket words."""
