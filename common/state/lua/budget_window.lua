-- Reserve n calls of a sliding window. KEYS log, server; ARGV n limit window_ms nonce. 0 or the wait in ms.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local n, limit, window = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - window)
local over = redis.call('ZCARD', KEYS[1]) + n - limit
local wait = 0
if over > 0 then
  local oldest = redis.call('ZRANGE', KEYS[1], over - 1, over - 1, 'WITHSCORES')
  wait = oldest[2] + window - now + 1
end
local ends = tonumber(redis.call('HGET', KEYS[2], 'ends') or 0)
local left = tonumber(redis.call('HGET', KEYS[2], 'left') or 0)
if ends > now and left < n then wait = math.max(wait, ends - now + 1) end
if wait > 0 then return wait end
for i = 1, n do redis.call('ZADD', KEYS[1], now, ARGV[4] .. ':' .. i) end
redis.call('PEXPIRE', KEYS[1], window * 2)
if ends > now then redis.call('HINCRBY', KEYS[2], 'left', -n) end
return 0
