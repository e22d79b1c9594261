-- Take a permit until a deadline. KEYS permits, adapt; ARGV token lease_ms initial reserved (0 for urgent work).
-- Members are holders, scores their deadlines: a killed holder's permit comes back by itself.
-- 0 when taken, else ms until the next deadline.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local limit = math.floor(tonumber(redis.call('HGET', KEYS[2], 'limit') or ARGV[3]))
if redis.call('ZCARD', KEYS[1]) < math.max(1, limit - ARGV[4]) then
  redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[2] * 2)
  return 0
end
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
return math.max(1, first[2] - now)
