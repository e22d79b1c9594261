-- Put a unit's staged buckets in place of the current ones, once. KEYS 3 generation 4 stage 5 units.
-- ARGV 3 base version 4 new version 5 unit 6 unit record. Answers 1, or 0 when it was done or overtaken.
local version = redis.call('HGET', KEYS[3], 'version') or ''
if version == ARGV[4] then return 0 end
if version ~= ARGV[3] then return redis.error_reply('STALE generation') end
local staged = redis.call('HGETALL', KEYS[4])
for i = 1, #staged, 2 do
  if staged[i + 1] == '' then redis.call('HDEL', KEYS[3], staged[i])
  else redis.call('HSET', KEYS[3], staged[i], staged[i + 1]) end
end
redis.call('HSET', KEYS[3], 'version', ARGV[4])
redis.call('HSET', KEYS[5], ARGV[5], ARGV[6])
redis.call('UNLINK', KEYS[4])
return 1
