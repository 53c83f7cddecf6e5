-- One scorer per job; each one that begins counts as an attempt.
local id = ARGV[1]
local claim = ARGV[2]
local maximum_attempts = tonumber(ARGV[3])
local lock_milliseconds = ARGV[4]

local lock = scorer_key(id)
if is_unscored(id) == 0 or not get(id, 'status') then
  redis.call('ZREM', VERIFYING, id)
  return {}
end
if not redis.call('SET', lock, claim, 'NX', 'PX', lock_milliseconds) then return {} end
if redis.call('HINCRBY', job_key(id), 'verification_attempts', 1) > maximum_attempts then
  local _, count = string.gsub(get(id, 'observations'), '%S+', '')
  local message = 'Scoring these observations was begun ' .. maximum_attempts
    .. ' times and never came to its end.'
  set(id, 'verification_error', cjson.encode({type = 'poison', message = message}),
    'verification_attempts', 0, 'verified', count)
  redis.call('DEL', lock)
  redis.call('ZREM', VERIFYING, id)
  redis.call('PUBLISH', DONE, cjson.encode({id = id, verified = count}))
  return {}
end
return whole(id)
