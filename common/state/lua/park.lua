-- Give a leased item back until a time. KEYS ready leased parked body owner tries.
-- ARGV owner delay_ms id seq body ('' keeps the body). A body replaced meanwhile becomes ready at once.
local id = ARGV[3]
if redis.call('HGET', KEYS[5], id) ~= ARGV[1] then return 0 end
local time = redis.call('TIME')
local due = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2]
redis.call('ZREM', KEYS[2], id)
redis.call('HDEL', KEYS[5], id)
local body = redis.call('HGET', KEYS[4], id)
if not body then return 0 end
if string.sub(body, 1, 16) ~= ARGV[4] then
  redis.call('ZADD', KEYS[1], 0, id)
  return 0
end
if ARGV[5] ~= '' then redis.call('HSET', KEYS[4], id, ARGV[4] .. ARGV[5]) end
redis.call('ZADD', KEYS[3], due, id)
return redis.call('HINCRBY', KEYS[6], id, 1)
