-- Keep a batch of writes, and drop the oldest batches that the last `most` writes don't need.
-- KEYS 1 batches 2 how many writes they hold; ARGV 1 batch (its count in 4 digits before it) 2 count 3 most.
redis.call('RPUSH', KEYS[1], ARGV[1])
local held = redis.call('INCRBY', KEYS[2], ARGV[2])
while true do
  local oldest = tonumber(string.sub(redis.call('LINDEX', KEYS[1], 0), 1, 4))
  if held - oldest < tonumber(ARGV[3]) then return held end
  redis.call('LPOP', KEYS[1])
  held = redis.call('DECRBY', KEYS[2], oldest)
end
