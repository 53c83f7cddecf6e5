-- Find jobs whose message is lost, whose worker is silent, or that wait too long.
--
-- The queue is first in, first out. So a waiting job that was published before the job at the head
-- of the queue has lost its message, or a worker holds it in memory; only those are published
-- again, and a long queue is not filled with duplicates.
local maximum_attempts = tonumber(ARGV[1])
local unclaimed_seconds = tonumber(ARGV[2])
local head_of_queue = ARGV[3]  -- empty: no message waits
local ttl = ARGV[4]
local most_jobs = ARGV[5]
local leases_may_lapse = ARGV[6] == '1'

local now = clock()
local publish, counts = {}, {lapsed = 0, poisoned = 0, expired = 0}
local function first(index, before)
  return redis.call('ZRANGEBYSCORE', index, '-inf', before, 'LIMIT', 0, most_jobs)
end

local unclaimed_since = now - unclaimed_seconds
local head_published = head_of_queue ~= '' and redis.call('ZSCORE', WAITING, head_of_queue)
local published_before = tonumber(head_published or (head_of_queue == '' and now or 0))
local lost_before = math.min(unclaimed_since, published_before)
for _, id in ipairs(first(WAITING, exact(unclaimed_since))) do
  if not is_waiting(get(id, 'status')) then
    redis.call('ZREM', WAITING, id)
  elseif tonumber(get(id, 'deadline')) < now then
    expire(id, ttl)
    counts.expired = counts.expired + 1
  elseif tonumber(redis.call('ZSCORE', WAITING, id)) < lost_before then
    wait_again(id, 'queued')
    publish[#publish + 1] = id
  end
end

local silent = leases_may_lapse and first(RUNNING, exact(now)) or {}
for _, id in ipairs(silent) do
  if get(id, 'status') ~= 'running' then
    redis.call('ZREM', RUNNING, id)
  elseif tonumber(get(id, 'attempts')) >= maximum_attempts then
    fail(id, 'poison', 'The job ended its worker ' .. get(id, 'attempts') .. ' times.', ttl)
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
return {publish, verify, counts.lapsed, counts.poisoned, counts.expired}
