-- Store the scores of a job, unless more observations came.
local id = ARGV[1]
local claim = ARGV[2]
local scored = ARGV[3]  -- observations
local scored_count = ARGV[4]
local verification = ARGV[5]
local verification_error = ARGV[6]

if not get(id, 'status') then return {'lost', {}} end
if get(id, 'observations') ~= scored then return {'observed', whole(id)} end
set(id, 'verification', verification, 'verified', scored_count,
  'verification_error', verification_error, 'verification_attempts', 0)
redis.call('ZREM', VERIFYING, id)
if redis.call('GET', scorer_key(id)) == claim then redis.call('DEL', scorer_key(id)) end
redis.call('PUBLISH', DONE, cjson.encode({id = id, verified = tonumber(scored_count)}))
return {'recorded', {}}
