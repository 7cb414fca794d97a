-- Puts a document in place of the one that was read, unless that has changed.
--
-- KEYS: document, turns[, index]
-- ARGV: session id, time to live, expiry, digest of what was read, document, state, turn id (may be
--       empty), its number
-- Answers {what happened, number of the turn}.
local read = redis.call('GET', KEYS[1])
if not read then return {'missing', 0} end
if ARGV[7] ~= '' then
    local number = redis.call('HGET', KEYS[2], ARGV[7])
    if number then return {'known', tonumber(number)} end
end
if redis.sha1hex(read) ~= ARGV[4] then return {'changed', 0} end
if ARGV[7] ~= '' then
    -- Whose place the turn takes is no turn any more. First, because a user may lack the right to this alone,
    -- and what a script has written stays when it fails.
    local turns = redis.call('HGETALL', KEYS[2])
    for at = 1, #turns, 2 do
        if turns[at] ~= '' and turns[at + 1] == ARGV[8] then redis.call('HDEL', KEYS[2], turns[at]) end
    end
end
redis.call('SET', KEYS[1], ARGV[5], 'PX', ARGV[2])
redis.call('HSET', KEYS[2], '', ARGV[6])
if ARGV[7] ~= '' then redis.call('HSET', KEYS[2], ARGV[7], ARGV[8]) end
redis.call('PEXPIRE', KEYS[2], ARGV[2])
if KEYS[3] then redis.call('ZADD', KEYS[3], ARGV[3], ARGV[1]) end
return {'done', tonumber(ARGV[8])}
