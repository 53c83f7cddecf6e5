"""Every change of a job as a compare-and-set script, so that two processes can't both win.

Keys: ``echocast:job:<id>`` the hash, which is the truth; ``echocast:waiting`` ids of accepted and
queued jobs by time of publication; ``echocast:running`` ids by end of lease;
``echocast:verifying`` ids of finished jobs with observations that are not scored yet;
``echocast:frames`` frames of streams by attempts and who is at them. Terminal
states never change, except that a new request starts the next generation of a job that did not
succeed or whose forecast is gone. Times come from the engine's clock, so that the hosts'
clocks don't matter.
"""

from __future__ import annotations

from typing import Final

WAITING_KEY: Final = "echocast:waiting"
WORKERS_KEY: Final = "echocast:workers"

PRELUDE: Final = """
local WAITING, RUNNING, VERIFYING = 'echocast:waiting', 'echocast:running', 'echocast:verifying'
local DONE = 'echocast:done'
local FRAMES = 'echocast:frames'
local function job_key(id) return 'echocast:job:' .. id end
local function clock()
  local t = redis.call('TIME')
  return tonumber(t[1]) + tonumber(t[2]) / 1e6
end
local function exact(number) return string.format('%.6f', number) end
local function get(id, field) return redis.call('HGET', job_key(id), field) end
local function set(id, ...) redis.call('HSET', job_key(id), ...) end
local function is_waiting(status) return status == 'accepted' or status == 'queued' end
local function is_terminal(status)
  return status and not is_waiting(status) and status ~= 'running'
end
local function is_alive(status) return status and not is_terminal(status) end
local function pairs_of(key)
  local flat, pairs_found = redis.call('HGETALL', key), {}
  for i = 1, #flat, 2 do pairs_found[flat[i]] = flat[i + 1] end
  return pairs_found
end
local function whole(id) return redis.call('HGETALL', job_key(id)) end
local function wait_again(id, status)
  redis.call('ZREM', RUNNING, id)
  redis.call('ZADD', WAITING, exact(clock()), id)
  set(id, 'status', status, 'claim', '')
end
local function finish(id, status, ttl)
  redis.call('ZREM', WAITING, id)
  redis.call('ZREM', RUNNING, id)
  set(id, 'status', status, 'claim', '', 'finished', exact(clock()))
  redis.call('EXPIRE', job_key(id), ttl)
  redis.call('PUBLISH', DONE, cjson.encode({id = id, status = status}))
end
local function fail(id, kind, message, ttl)
  set(id, 'error', cjson.encode({type = kind, message = message}))
  finish(id, 'failed', ttl)
end
local function expire(id, ttl)
  local message = 'The job waited longer than its deadline allows.'
  set(id, 'error', cjson.encode({type = 'deadline', message = message}))
  finish(id, 'expired', ttl)
end
local function observe(id, sha)
  local known = get(id, 'observations') or ''
  if sha == '' or string.find(known, sha, 1, true) then return end
  set(id, 'observations', known == '' and sha or known .. ' ' .. sha)
  if get(id, 'status') == 'succeeded' then
    redis.call('ZADD', VERIFYING, exact(clock()), id)
  end
end
local function hold(id, caller)
  redis.call('HINCRBY', job_key(id), 'holders', 1)
  redis.call('HINCRBY', job_key(id), 'held:' .. caller, 1)
end
local function let_go(id, caller)
  if tonumber(get(id, 'held:' .. caller) or 0) < 1 then return false end
  redis.call('HINCRBY', job_key(id), 'held:' .. caller, -1)
  return redis.call('HINCRBY', job_key(id), 'holders', -1) == 0
end
local function keep(id, ttl)
  if is_terminal(get(id, 'status')) then redis.call('EXPIRE', job_key(id), ttl) end
end
local function unscored(id)
  return redis.call('ZSCORE', VERIFYING, id) and 1 or 0
end
"""

SUBMIT: Final = """
-- id, request, observation, token, limit, deadline, idempotency key, body hash, its ttl, job's ttl,
-- caller, generation whose forecast is lost
local id, request, sha, token = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local remembered = ARGV[7] ~= '' and 'echocast:idempotency:' .. ARGV[7]
local earlier = remembered and redis.call('GET', remembered)
if earlier then
  local body, other = string.match(earlier, '^(%S*) (%S+)$')
  if body ~= ARGV[8] then return {'conflict', 0, {}} end
  if redis.call('EXISTS', job_key(other)) == 1 and get(other, 'generation') ~= ARGV[12] then
    keep(other, ARGV[10])
    local mine = get(other, 'token') == token and 1 or 0
    return {mine == 1 and 'created' or 'held', unscored(other), whole(other)}
  end
end
local status = get(id, 'status')
local outcome = 'held'
if status and get(id, 'token') == token then
  outcome = 'created'
elseif status == 'succeeded' and get(id, 'generation') ~= ARGV[12] or is_alive(status) then
  hold(id, ARGV[11])
  observe(id, sha)
  keep(id, ARGV[10])
else
  if redis.call('ZCARD', WAITING) >= tonumber(ARGV[5]) then return {'full', 0, {}} end
  local generation = tonumber(get(id, 'generation') or 0) + 1
  local now = clock()
  redis.call('DEL', job_key(id))
  redis.call('ZREM', VERIFYING, id)
  set(id, 'id', id, 'status', 'accepted', 'generation', generation, 'holders', 0, 'attempts', 0,
    'request', request, 'observations', sha, 'token', token, 'created', exact(now),
    'deadline', exact(now + tonumber(ARGV[6])))
  hold(id, ARGV[11])
  redis.call('ZADD', WAITING, exact(now), id)
  outcome = 'created'
end
if remembered then redis.call('SET', remembered, ARGV[8] .. ' ' .. id, 'EX', ARGV[9]) end
return {outcome, unscored(id), whole(id)}
"""

PUBLISHED: Final = """
-- id
if get(ARGV[1], 'status') == 'accepted' then
  redis.call('ZADD', WAITING, exact(clock()), ARGV[1])
  set(ARGV[1], 'status', 'queued')
end
return get(ARGV[1], 'status')
"""

CLAIM: Final = """
-- id, claim, incarnation, lease, alone, ttl
local id = ARGV[1]
if not is_waiting(get(id, 'status')) then return {'taken', {}} end
if tonumber(get(id, 'deadline')) < clock() then
  expire(id, ARGV[6])
  return {'taken', {}}
end
if get(id, 'solo') == '1' and ARGV[5] ~= '1' then return {'alone', {}} end
if get(id, 'incarnation') ~= ARGV[3] then redis.call('HINCRBY', job_key(id), 'attempts', 1) end
local now = clock()
set(id, 'status', 'running', 'claim', ARGV[2], 'incarnation', ARGV[3], 'started', exact(now))
redis.call('ZREM', WAITING, id)
redis.call('ZADD', RUNNING, exact(now + tonumber(ARGV[4])), id)
return {'claimed', whole(id)}
"""

RENEW: Final = """
-- lease, then id and claim of every job held; returns the claims that are lost
local ends, lost = exact(clock() + tonumber(ARGV[1])), {}
for i = 2, #ARGV, 2 do
  local id, claim = ARGV[i], ARGV[i + 1]
  if get(id, 'status') == 'running' and get(id, 'claim') == claim then
    redis.call('ZADD', RUNNING, ends, id)
  else
    lost[#lost + 1] = claim
  end
end
return lost
"""

FINISH: Final = """
-- id, claim, status, ttl, observations that are scored, how many, then fields and values
local id, status = ARGV[1], ARGV[3]
if get(id, 'status') ~= 'running' or get(id, 'claim') ~= ARGV[2] then return {'lost', ''} end
local observations = get(id, 'observations')
if status == 'succeeded' and observations ~= ARGV[5] then return {'observed', observations} end
set(id, 'verified', ARGV[6], unpack(ARGV, 7))
finish(id, status, ARGV[4])
return {'finished', ''}
"""

GIVE_BACK: Final = """
-- id, claim: the worker stops before it is done; the attempt does not count
local id = ARGV[1]
if get(id, 'status') ~= 'running' or get(id, 'claim') ~= ARGV[2] then return 0 end
redis.call('HINCRBY', job_key(id), 'attempts', -1)
set(id, 'incarnation', '')
wait_again(id, 'queued')
return 1
"""

RELEASE: Final = """
-- id, token, ttl, caller
local id = ARGV[1]
local status = get(id, 'status')
if not status then return {} end
if get(id, 'released_by') ~= ARGV[2] then
  set(id, 'released_by', ARGV[2])
  if let_go(id, ARGV[4]) and not is_terminal(status) then finish(id, 'cancelled', ARGV[3]) end
end
return whole(id)
"""

OBSERVE: Final = """
-- id, observation, ttl
local id = ARGV[1]
local status = get(id, 'status')
if not status then return {0, {}} end
if status == 'succeeded' or not is_terminal(status) then observe(id, ARGV[2]) end
keep(id, ARGV[3])
return {unscored(id), whole(id)}
"""

BEGIN_VERIFICATION: Final = """
-- id, claim, maximum attempts, milliseconds: one scorer per job; a new one counts as an attempt
local id = ARGV[1]
local lock = 'echocast:scorer:' .. id
if unscored(id) == 0 or not get(id, 'status') then
  redis.call('ZREM', VERIFYING, id)
  return {}
end
if not redis.call('SET', lock, ARGV[2], 'NX', 'PX', ARGV[4]) then return {} end
if redis.call('HINCRBY', job_key(id), 'verification_attempts', 1) > tonumber(ARGV[3]) then
  local _, count = string.gsub(get(id, 'observations'), '%S+', '')
  local message = 'Scoring these observations ended its worker each time.'
  set(id, 'verification_error', cjson.encode({type = 'poison', message = message}),
    'verification_attempts', 0, 'verified', count)
  redis.call('DEL', lock)
  redis.call('ZREM', VERIFYING, id)
  redis.call('PUBLISH', DONE, cjson.encode({id = id, verified = count}))
  return {}
end
return whole(id)
"""

RECORD_VERIFICATION: Final = """
-- id, claim, observations that are scored, how many, verification, error
local id = ARGV[1]
if not get(id, 'status') then return {'lost', {}} end
if get(id, 'observations') ~= ARGV[3] then return {'observed', whole(id)} end
set(id, 'verification', ARGV[5], 'verified', ARGV[4], 'verification_error', ARGV[6],
  'verification_attempts', 0)
redis.call('ZREM', VERIFYING, id)
local lock = 'echocast:scorer:' .. id
if redis.call('GET', lock) == ARGV[2] then redis.call('DEL', lock) end
redis.call('PUBLISH', DONE, cjson.encode({id = id, verified = tonumber(ARGV[4])}))
return {'recorded', {}}
"""
