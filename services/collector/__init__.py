"""The collector: reads Defender for Cloud and ServiceNow, and decides nothing."""
