-- Return expired leases and due parked items to ready. KEYS ready leased parked owner; ARGV limit.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local moved = 0
for k = 2, 3 do
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[k], '-inf', now, 'LIMIT', 0, ARGV[1])) do
    redis.call('ZREM', KEYS[k], id)
    redis.call('HDEL', KEYS[4], id)
    redis.call('ZADD', KEYS[1], 0, id)
    moved = moved + 1
  end
end
return {moved, redis.call('ZCARD', KEYS[1])}
