"""The words of Isthmus as frozen values: findings, contributions, links, decisions. No I/O."""
