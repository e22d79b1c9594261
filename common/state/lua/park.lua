-- Give leased items back until a time. KEYS ready leased parked body owner.
-- ARGV owner delay_ms, then triples id seq body ('' keeps the body). A replaced body becomes ready at once.
local time = redis.call('TIME')
local due = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2]
for i = 3, #ARGV, 3 do
  local id = ARGV[i]
  if redis.call('HGET', KEYS[5], id) == ARGV[1] then
    redis.call('ZREM', KEYS[2], id)
    redis.call('HDEL', KEYS[5], id)
    local body = redis.call('HGET', KEYS[4], id)
    if body and string.sub(body, 1, 16) ~= ARGV[i + 1] then
      redis.call('ZADD', KEYS[1], 0, id)
    elseif body then
      if ARGV[i + 2] ~= '' then redis.call('HSET', KEYS[4], id, ARGV[i + 1] .. ARGV[i + 2]) end
      redis.call('ZADD', KEYS[3], due, id)
    end
  end
end
return 1
