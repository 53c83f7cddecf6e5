"""Scripts of the workers' upkeep: signs of life, election of the janitor, its sweep.

The queue is first in, first out. So a waiting job that was published before the job at the head of
the queue has lost its message, or a worker holds it in memory; only those are published again, and
a long queue is not filled with duplicates. They run after the prelude of ``transitions``.
"""

from __future__ import annotations

from typing import Final

BEAT: Final = """
-- incarnation, description, seconds it is good for; the long silent are forgotten
local now = clock()
for name, beat in pairs(pairs_of('echocast:workers')) do
  if tonumber(string.match(beat, '^%S+')) + 10 * tonumber(ARGV[3]) < now then
    redis.call('HDEL', 'echocast:workers', name)
  end
end
redis.call('HSET', 'echocast:workers', ARGV[1], exact(now + tonumber(ARGV[3])) .. ' ' .. ARGV[2])
"""

GOODBYE: Final = """
-- incarnation: it takes leave, and what it began on frames of streams does not count
redis.call('HDEL', 'echocast:workers', ARGV[1])
for frame, begun in pairs(pairs_of(FRAMES)) do
  local attempts, holder = string.match(begun, '^(%d+) (.*)$')
  if holder == ARGV[1] then redis.call('HSET', FRAMES, frame, (attempts - 1) .. ' ') end
end
"""

ALIVE: Final = """
-- descriptions of the workers whose last sign of life is still good
local now, alive = clock(), {}
for _, beat in pairs(pairs_of('echocast:workers')) do
  local good_until, description = string.match(beat, '^(%S+) (.*)$')
  if tonumber(good_until) >= now then alive[#alive + 1] = description end
end
return alive
"""

ELECT: Final = """
-- incarnation, milliseconds: one janitor at a time
local holder = redis.call('GET', 'echocast:janitor')
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', 'echocast:janitor', ARGV[1], 'PX', ARGV[2])
return 1
"""

SWEEP: Final = """
-- maximum attempts, unclaimed seconds, job at the head of the queue, ttl, most jobs,
-- whether leases may lapse
local now, ttl = clock(), ARGV[4]
local publish, counts = {}, {lapsed = 0, poisoned = 0, expired = 0}
local function first(index, before)
  return redis.call('ZRANGEBYSCORE', index, '-inf', before, 'LIMIT', 0, ARGV[5])
end
local patience = now - tonumber(ARGV[2])
local head = ARGV[3] ~= '' and redis.call('ZSCORE', WAITING, ARGV[3])
local horizon = math.min(patience, tonumber(head or (ARGV[3] == '' and now or 0)))
for _, id in ipairs(first(WAITING, exact(patience))) do
  if not is_waiting(get(id, 'status')) then
    redis.call('ZREM', WAITING, id)
  elseif tonumber(get(id, 'deadline')) < now then
    expire(id, ttl)
    counts.expired = counts.expired + 1
  elseif tonumber(redis.call('ZSCORE', WAITING, id)) < horizon then
    wait_again(id, 'queued')
    publish[#publish + 1] = id
  end
end
local silent = ARGV[6] == '1' and first(RUNNING, exact(now)) or {}
for _, id in ipairs(silent) do
  if get(id, 'status') ~= 'running' then
    redis.call('ZREM', RUNNING, id)
  elseif tonumber(get(id, 'attempts')) >= tonumber(ARGV[1]) then
    fail(id, 'poison', 'The job ended its worker ' .. get(id, 'attempts') .. ' times.', ttl)
    counts.poisoned = counts.poisoned + 1
  else
    set(id, 'solo', '1')
    wait_again(id, 'queued')
    counts.lapsed = counts.lapsed + 1
    publish[#publish + 1] = id
  end
end
local verify = first(VERIFYING, exact(patience))
for _, id in ipairs(verify) do redis.call('ZADD', VERIFYING, exact(now), id) end
return {publish, verify, counts.lapsed, counts.poisoned, counts.expired}
"""
