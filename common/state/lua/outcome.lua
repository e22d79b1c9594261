-- Record how touched groups ended; idempotent, since a group's earlier outcome is taken back.
-- KEYS 3 outcomes 4 counts 5 run; ARGV pairs from 3: group 'outcome:reason'. A run that ended has balanced:
-- its outcomes by group are gone, and what comes late changes no count.
if redis.call('HGET', KEYS[5], 'closed') then return 0 end
for i = 3, #ARGV, 2 do
  local before = redis.call('HGET', KEYS[3], ARGV[i])
  if before ~= ARGV[i + 1] then
    if before then redis.call('HINCRBY', KEYS[4], before, -1) end
    redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1])
    redis.call('HINCRBY', KEYS[4], ARGV[i + 1], 1)
  end
end
return 1
