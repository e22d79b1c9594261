-- Overwrite one unit's contributions to groups and make the changed groups dirty. KEYS 3 dirty set,
-- 4 rule's groups, 5.. group hashes. ARGV 3 unit, then quadruples group facts contribution ('' = none left).
local changed = 0
for i = 4, #ARGV, 3 do
  local key = KEYS[5 + (i - 4) / 3]
  local before = redis.call('HGET', key, ARGV[3]) or ''
  if before ~= ARGV[i + 2] then
    if ARGV[i + 2] == '' then redis.call('HDEL', key, ARGV[3])
    else redis.call('HSET', key, ARGV[3], ARGV[i + 2], '=', ARGV[i + 1]) end
    redis.call('SADD', KEYS[3], ARGV[i])
    redis.call('SADD', KEYS[4], ARGV[i])
    changed = changed + 1
  end
end
return changed
