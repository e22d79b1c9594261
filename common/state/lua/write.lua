-- One write to one key behind the fence. KEYS 3 key; ARGV 3 command 4.. its arguments.
return redis.call(ARGV[3], KEYS[3], unpack(ARGV, 4))
