-- Store memos of groups. KEYS 3.. group hashes; ARGV 3 the field's name, then one memo for each key.
for i = 3, #KEYS do redis.call('HSET', KEYS[i], ARGV[3], ARGV[i + 1]) end
return 1
