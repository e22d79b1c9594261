-- Put items into a work queue; the latest body of an id wins. KEYS 3.. ready leased parked body.
-- ARGV 3 seq and mark of the run, 4 'nx' to keep a body that is there, then triples id score body. Answers how many items are
-- ready or leased.
for i = 5, #ARGV, 3 do
  local id = ARGV[i]
  if ARGV[4] ~= 'nx' or redis.call('HEXISTS', KEYS[6], id) == 0 then
    redis.call('HSET', KEYS[6], id, ARGV[3] .. ARGV[i + 2])
    if not redis.call('ZSCORE', KEYS[4], id) then
      redis.call('ZREM', KEYS[5], id)
      redis.call('ZADD', KEYS[3], ARGV[i + 1], id)
    end
  end
end
return redis.call('ZCARD', KEYS[3]) + redis.call('ZCARD', KEYS[4])
