-- The worker stops before the job is done, or scored: it waits again; the attempt does not count.
local id = ARGV[1]
local claim = ARGV[2]

if is_claimed(id, claim) then
  redis.call('HINCRBY', job_key(id), 'attempts', -1)
  set(id, 'incarnation', '')
  wait_again(id, 'queued')
  return 'queued'
end
if redis.call('GET', scorer_key(id)) ~= claim then return 'lost' end
redis.call('DEL', scorer_key(id))
if not get(id, 'status') then return 'lost' end
redis.call('HINCRBY', job_key(id), 'verification_attempts', -1)
return 'unscored'
