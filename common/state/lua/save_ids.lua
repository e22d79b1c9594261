-- Write a unit's ids, until its generation is committed: who comes later no longer has all of them.
-- KEYS 3 ids 4 generation; ARGV 3 base version, then pairs. Answers 1, or 0 when it was committed.
if (redis.call('HGET', KEYS[4], 'version') or '') ~= ARGV[3] then return 0 end
redis.call('HSET', KEYS[3], unpack(ARGV, 4))
return 1
