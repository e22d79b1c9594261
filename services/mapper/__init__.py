"""The mapper: findings -> groups -> decisions. Its core is pure."""
