-- Compare and set fields of a hash. KEYS 3 hash; ARGV triples from 3: field expected ('' = none) new.
-- Answers the fields that held another value.
local lost = {}
for i = 3, #ARGV, 3 do
  local now = redis.call('HGET', KEYS[3], ARGV[i]) or ''
  if now == ARGV[i + 1] or now == ARGV[i + 2] then redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 2])
  else lost[#lost + 1] = ARGV[i] end
end
return lost
