-- The message of a job is in the queue; returns the status of the job.
local id = ARGV[1]

if get(id, 'status') == 'accepted' then
  redis.call('ZADD', WAITING, exact(clock()), id)
  set(id, 'status', 'queued')
end
return get(id, 'status')
