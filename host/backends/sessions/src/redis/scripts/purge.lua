-- Removes what is left of a session whose document has gone.
--
-- KEYS: document, turns[, index]
-- ARGV: session id
-- Answers whether it has gone.
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('UNLINK', KEYS[2])
if KEYS[3] then redis.call('ZREM', KEYS[3], ARGV[1]) end
return 1
