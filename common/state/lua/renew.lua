-- Extend the leases that the owner still holds. KEYS leased owner; ARGV lease_ms owner ids...
local time = redis.call('TIME')
local deadline = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[1]
local kept = {}
for i = 3, #ARGV do
  if redis.call('HGET', KEYS[2], ARGV[i]) == ARGV[2] then
    redis.call('ZADD', KEYS[1], 'XX', deadline, ARGV[i])
    kept[#kept + 1] = ARGV[i]
  end
end
return kept
