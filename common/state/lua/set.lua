-- Set fields of a hash behind the fence. KEYS 3 hash; ARGV pairs from 3.
redis.call('HSET', KEYS[3], unpack(ARGV, 3))
return 1
