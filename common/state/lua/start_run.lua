-- Make a run the current one. KEYS 1 epoch 2 connection 3 run 4 runs. ARGV 1 epoch 2 run 3 now 4 stale_after
-- 5.. fields. Refused while the current one made progress lately; answers the run that is current then, '' when
-- it is this one already.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return redis.error_reply('STALE epoch') end
local current = redis.call('HGET', KEYS[2], 'run')
if current == ARGV[2] then return '' end
if current then
  local active = redis.call('HGET', KEYS[2], 'active')
  local beat = tonumber(redis.call('HGET', KEYS[2], 'progress') or '0')
  if active == '1' and ARGV[3] - beat < tonumber(ARGV[4]) then return current end
end
redis.call('HSET', KEYS[2], 'run', ARGV[2], 'active', '1', 'progress', ARGV[3])
redis.call('HSET', KEYS[3], unpack(ARGV, 5))
redis.call('ZADD', KEYS[4], ARGV[3], ARGV[2])
return ARGV[2]
