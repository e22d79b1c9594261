"""The subset of Kusto that Azure Resource Graph callers of this project need; anything else is a 400."""
