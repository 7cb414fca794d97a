-- Splices a turn into a document that has our layout. Costs the same however long the history is.
--
-- KEYS: document, turns[, index]
-- ARGV: session id, time to live, expiry, turn id, turn (JSON), its size, limit, now (text)
-- Answers {what happened, number of the turn}.
local document, turns = KEYS[1], KEYS[2]

local function slide()
    redis.call('PEXPIRE', document, ARGV[2])
    redis.call('PEXPIRE', turns, ARGV[2])
    if KEYS[3] then redis.call('ZADD', KEYS[3], ARGV[3], ARGV[1]) end
end

if redis.call('EXISTS', document) == 0 then return {'missing', 0} end

local number = redis.call('HGET', turns, ARGV[4])
if number then
    slide()
    return {'known', tonumber(number)}
end

local state = redis.call('HGET', turns, '') or ''
local length, count, bytes, at = string.match(state, '^(%d+) (%d+) (%d+) (%d+)$')
length, count, bytes, at = tonumber(length), tonumber(count), tonumber(bytes), tonumber(at)
-- Of another length, or with other bytes at the known places: somebody else has written it.
if length == nil or redis.call('STRLEN', document) ~= length
    or redis.call('GETRANGE', document, at - 17, at - 1) ~= ',"last_updated":"'
    or redis.call('GETRANGE', document, at + #ARGV[8], at + #ARGV[8]) ~= '"'
    or redis.call('GETRANGE', document, length - 3, length - 1) ~= (count == 0 and '[]}' or '}]}')
then
    return {'other', 0}
end

if bytes + tonumber(ARGV[6]) > tonumber(ARGV[7]) then return {'large', 0} end

local piece = (count == 0 and '' or ',') .. ARGV[5] .. ']}'
redis.call('SETRANGE', document, length - 2, piece)
redis.call('SETRANGE', document, at, ARGV[8])
state = string.format('%d %d %d %d', length - 2 + #piece, count + 1, bytes + tonumber(ARGV[6]), at)
redis.call('HSET', turns, ARGV[4], count + 1, '', state)
slide()
return {'done', count + 1}
