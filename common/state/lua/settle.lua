-- Remove finished items whose body is still the one that was claimed; else they become ready again.
-- KEYS ready leased body owner tries; ARGV owner, then pairs id seq. Answers the ids that were removed.
local done = {}
for i = 2, #ARGV, 2 do
  local id = ARGV[i]
  if redis.call('HGET', KEYS[4], id) == ARGV[1] then
    redis.call('ZREM', KEYS[2], id)
    redis.call('HDEL', KEYS[4], id)
    redis.call('HDEL', KEYS[5], id)
    local body = redis.call('HGET', KEYS[3], id)
    if body and string.sub(body, 1, 16) ~= ARGV[i + 1] then
      redis.call('ZADD', KEYS[1], 0, id)
    else
      redis.call('HDEL', KEYS[3], id)
      done[#done + 1] = id
    end
  end
end
return done
