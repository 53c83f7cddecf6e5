-- Find jobs whose message is lost, whose worker is silent, or that wait too long.
--
-- A message wakes a worker up, which claims the job whose turn it is. So it is enough that there
-- are as many messages as waiting jobs; a long queue is not filled with duplicates. A job without a
-- turn waits for its message: an older version accepted it, or it is tried later.
local maximum_attempts = tonumber(ARGV[1])
local unclaimed_seconds = tonumber(ARGV[2])
local queue = ARGV[3]  -- of messages
local ttl = ARGV[4]
local most_jobs = ARGV[5]
local leases_may_lapse = ARGV[6] == '1'

local now = clock()
local publish, ended, counts = {}, {}, {lapsed = 0, poisoned = 0, expired = 0}
local function first(index, before)
  return redis.call('ZRANGEBYSCORE', index, '-inf', before, 'LIMIT', 0, most_jobs)
end

local unclaimed_since = now - unclaimed_seconds
local short = redis.call('ZCARD', WAITING) - redis.call('LLEN', queue)
for _, id in ipairs(first(WAITING, exact(unclaimed_since))) do
  if not is_waiting(get(id, 'status')) then
    redis.call('ZREM', WAITING, id)
    short = short - 1
  elseif tonumber(get(id, 'deadline')) < now then
    expire(id, ttl)
    ended[#ended + 1] = id
    counts.expired = counts.expired + 1
    short = short - 1
  elseif short > 0 or not redis.call('ZSCORE', ORDER, id) then
    wait_again(id, 'queued')
    publish[#publish + 1] = id
    short = short - 1
  end
end

local silent = leases_may_lapse and first(RUNNING, exact(now)) or {}
for _, id in ipairs(silent) do
  if get(id, 'status') ~= 'running' then
    redis.call('ZREM', RUNNING, id)
  elseif tonumber(get(id, 'attempts')) >= maximum_attempts then
    fail(id, 'poison', 'The job ended its worker ' .. get(id, 'attempts') .. ' times.', ttl)
    ended[#ended + 1] = id
    counts.poisoned = counts.poisoned + 1
  else
    set(id, 'solo', '1')
    wait_again(id, 'queued')
    counts.lapsed = counts.lapsed + 1
    publish[#publish + 1] = id
  end
end

local verify = first(VERIFYING, exact(unclaimed_since))
for _, id in ipairs(verify) do redis.call('ZADD', VERIFYING, exact(now), id) end
return {publish, verify, ended, counts.lapsed, counts.poisoned, counts.expired}
