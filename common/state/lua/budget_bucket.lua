-- Take n of a token bucket. KEYS bucket; ARGV n capacity refill_per_s expire_ms most. 0 or the wait in ms.
-- With n = 0 it only lowers the bucket to at most `most` tokens, and never raises it.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local n, capacity, refill = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local at = tonumber(redis.call('HGET', KEYS[1], 'at') or now)
local tokens = tonumber(redis.call('HGET', KEYS[1], 'tokens') or capacity)
tokens = math.min(capacity, tokens + math.max(0, now - at) * refill / 1000)
if ARGV[5] ~= '' then tokens = math.min(tokens, tonumber(ARGV[5])) end
local wait = 0
if tokens < n then wait = math.ceil((n - tokens) / refill * 1000) else tokens = tokens - n end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', now)
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return wait
