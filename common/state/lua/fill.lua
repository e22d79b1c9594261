-- Move the next groups of a run's backlog into a chunk of work. KEYS 3 backlog 4 ready 5 body.
-- ARGV 3 how many 4 chunk id 5 seq 6 window 7.. bodies of the stages that count in the window.
local size = 0
for i = 5, #KEYS do size = size + redis.call('HLEN', KEYS[i]) end
if size >= tonumber(ARGV[6]) then return 0 end
local popped = redis.call('ZPOPMIN', KEYS[3], ARGV[3])
if #popped == 0 then return 0 end
local groups = {}
for i = 1, #popped, 2 do groups[#groups + 1] = popped[i] end
redis.call('HSET', KEYS[5], ARGV[4], ARGV[5] .. table.concat(groups))
redis.call('ZADD', KEYS[4], 0, ARGV[4])
return #groups
