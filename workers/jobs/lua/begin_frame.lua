-- A worker begins on a frame of a stream, unless another one that lives has begun.
local frame = ARGV[1]
local incarnation = ARGV[2]
local maximum_attempts = tonumber(ARGV[3])
local ttl = ARGV[4]

local known = redis.call('HGET', FRAMES, frame) or '0 '
local attempts, holder = string.match(known, '^(%d+) (.*)$')
local beat = redis.call('HGET', WORKERS, holder)
if holder == incarnation then return 'begun' end
if beat and tonumber(string.match(beat, '^%S+')) >= clock() then return 'busy' end
if tonumber(attempts) >= maximum_attempts then return 'poison' end
redis.call('HSET', FRAMES, frame, (attempts + 1) .. ' ' .. incarnation)
redis.call('EXPIRE', FRAMES, ttl)
return 'begun'
