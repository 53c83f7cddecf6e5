-- The worker stops before the job is done: it waits again, and the attempt does not count.
local id = ARGV[1]
local claim = ARGV[2]

if not is_claimed(id, claim) then return 0 end
redis.call('HINCRBY', job_key(id), 'attempts', -1)
set(id, 'incarnation', '')
wait_again(id, 'queued')
return 1
