-- Note a read page in its unit's manifest. KEYS 3 manifest; ARGV 3 page 4 rows 5 total 6 last ('' or number)
-- 7 flags 8 ttl. Presence is evidence: complete when `last` is known and every page is there.
redis.call('HSET', KEYS[3], ARGV[3], ARGV[4])
redis.call('HSETNX', KEYS[3], 'first_total', ARGV[5])
redis.call('HSET', KEYS[3], 'last_total', ARGV[5])
if ARGV[7] ~= '' then redis.call('HSET', KEYS[3], 'flags', ARGV[7]) end
if ARGV[6] ~= '' then redis.call('HSET', KEYS[3], 'last', ARGV[6]) end
redis.call('EXPIRE', KEYS[3], ARGV[8])
return 1
