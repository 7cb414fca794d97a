-- Reads all there is of a session and changes nothing.
--
-- KEYS: document, turns
-- ARGV: longest document
-- Answers nothing, or {document, its digest, time to live that is left, turn ids and numbers}.
local left = redis.call('PTTL', KEYS[1])
if left == -2 then return false end
if redis.call('STRLEN', KEYS[1]) > tonumber(ARGV[1]) then return redis.error_reply('TOOLONG the document') end
local document = redis.call('GET', KEYS[1])
return {document, redis.sha1hex(document), left, redis.call('HGETALL', KEYS[2])}
