-- Adapt the number of permits. KEYS adapt; ARGV "up" or "down", initial, most, calm_ms. The limit as text.
-- Down halves, once in calm_ms, since one jam answers many requests; up adds one per round of successes.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local limit = tonumber(redis.call('HGET', KEYS[1], 'limit') or ARGV[2])
local halved = tonumber(redis.call('HGET', KEYS[1], 'halved') or 0)
if ARGV[1] == 'up' then
  limit = math.min(tonumber(ARGV[3]), limit + 1 / limit)
elseif now >= halved + ARGV[4] then
  limit = math.max(1, math.floor(limit) / 2)
  redis.call('HSET', KEYS[1], 'halved', now)
end
redis.call('HSET', KEYS[1], 'limit', tostring(limit))
redis.call('PEXPIRE', KEYS[1], 3600000)
return tostring(limit)
