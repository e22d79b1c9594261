-- In front of every state-writing script. KEYS: epoch, connection register. ARGV: epoch, run ('' = any).
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return redis.error_reply('STALE epoch') end
if ARGV[2] ~= '' and redis.call('HGET', KEYS[2], 'run') ~= ARGV[2] then
  return redis.error_reply('STALE run')
end
