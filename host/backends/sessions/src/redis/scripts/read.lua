-- Reads a document, and starts its time to live anew if that is due.
--
-- KEYS: document, turns[, index]
-- ARGV: session id, time to live, expiry, what may pass before it is due, longest document
-- Answers nothing, or {document, 1 if its time to live was started anew}.
local left = redis.call('PTTL', KEYS[1])
if left == -2 then return false end
if redis.call('STRLEN', KEYS[1]) > tonumber(ARGV[5]) then return redis.error_reply('TOOLONG the document') end
local due = left == -1 or math.abs(tonumber(ARGV[2]) - left) > tonumber(ARGV[4])
if due then
    -- What is read is good all the same, whether or not the server takes writes at this time.
    redis.pcall('PEXPIRE', KEYS[1], ARGV[2])
    redis.pcall('PEXPIRE', KEYS[2], ARGV[2])
    if KEYS[3] then redis.pcall('ZADD', KEYS[3], ARGV[3], ARGV[1]) end
end
return {redis.call('GET', KEYS[1]), due and 1 or 0}
