-- A server's header: so much is left of the window that ends in so many ms. KEYS server; ARGV left ends_in slack.
-- The window's id is its end on Redis' clock: within the same window it may only lower, an older one is ignored.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local left, ends, slack = tonumber(ARGV[1]), now + ARGV[2], tonumber(ARGV[3])
local known = tonumber(redis.call('HGET', KEYS[1], 'ends') or 0)
if known > now and ends < known - slack then return 0 end
if known > now and ends <= known + slack then
  left = math.min(left, tonumber(redis.call('HGET', KEYS[1], 'left')))
  ends = known
end
redis.call('HSET', KEYS[1], 'ends', ends, 'left', left)
redis.call('PEXPIREAT', KEYS[1], ends + slack)
return 1
