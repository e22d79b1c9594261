-- Close a run once. KEYS 2 connection 3 run; ARGV 2 run, 3 status 4 now 5.. fields. Answers 1 when it was this call.
local status = redis.call('HGET', KEYS[3], 'status')
if status ~= 'running' then return 0 end
redis.call('HSET', KEYS[3], 'status', ARGV[3], 'ended', ARGV[4], unpack(ARGV, 5))
redis.call('HSET', KEYS[2], 'active', '0', 'progress', ARGV[4])
return 1
