-- Empty the queues for a run, once: whoever comes late must not empty what the run has put there since.
-- KEYS 3 run 4.. keys of queues.
if redis.call('HGET', KEYS[3], 'begun') == '1' then return 0 end
redis.call('UNLINK', unpack(KEYS, 4))
redis.call('HSET', KEYS[3], 'begun', '1')
return 1
