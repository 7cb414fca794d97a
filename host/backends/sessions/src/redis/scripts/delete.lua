-- Deletes a session that lives. One that has expired stays in the index until it is purged.
--
-- KEYS: document, turns[, index]
-- ARGV: session id
-- Answers whether there was one.
if redis.call('UNLINK', KEYS[1]) == 0 then return 0 end
redis.call('UNLINK', KEYS[2])
if KEYS[3] then redis.call('ZREM', KEYS[3], ARGV[1]) end
return 1
