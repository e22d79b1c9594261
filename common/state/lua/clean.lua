-- Groups have their outcome and are no longer dirty. KEYS 3 dirty set; ARGV 3.. groups.
return redis.call('SREM', KEYS[3], unpack(ARGV, 3))
