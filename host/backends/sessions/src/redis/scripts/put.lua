-- Stores a session, in place of another one or only if there is none.
--
-- KEYS: document, turns[, index]
-- ARGV: session id, time to live, expiry, 1 to replace, document, state, then each turn id and its number
if ARGV[4] ~= '1' and redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('SET', KEYS[1], ARGV[5], 'PX', ARGV[2])
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[2], '', ARGV[6])
for at = 7, #ARGV, 2 do redis.call('HSET', KEYS[2], ARGV[at], ARGV[at + 1]) end
redis.call('PEXPIRE', KEYS[2], ARGV[2])
if KEYS[3] then redis.call('ZADD', KEYS[3], ARGV[3], ARGV[1]) end
return 1
