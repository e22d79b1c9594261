-- Move the next groups of a run's backlog into a chunk of work, unless the window is full.
-- KEYS 3 backlog 4 ready 5 rows 6 render 7 write (bodies). ARGV 3 groups in a chunk 4 chunk id 5 seq and mark of the run 6 window.
-- A client that lost the answer sends it again: the chunk that is there must not be overwritten.
if redis.call('HEXISTS', KEYS[5], ARGV[4]) + redis.call('HEXISTS', KEYS[6], ARGV[4]) > 0 then return 1 end
local chunks = redis.call('HLEN', KEYS[5]) + redis.call('HLEN', KEYS[6])
if chunks * ARGV[3] + redis.call('HLEN', KEYS[7]) >= tonumber(ARGV[6]) then return 0 end
local popped = redis.call('ZPOPMIN', KEYS[3], ARGV[3])
if #popped == 0 then return 0 end
local groups = {}
for i = 1, #popped, 2 do groups[#groups + 1] = popped[i] end
redis.call('HSET', KEYS[5], ARGV[4], ARGV[5] .. table.concat(groups))
redis.call('ZADD', KEYS[4], 0, ARGV[4])
return #groups
