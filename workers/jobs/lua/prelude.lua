-- What the scripts of jobs and frames share; comes before each of them. Keys: see store.py.
local WAITING, RUNNING, VERIFYING = 'echocast:waiting', 'echocast:running', 'echocast:verifying'
-- ORDER: waiting jobs by turn, lowest first; TURNS: account -> start of its next turn; TURN: the
-- turn that was claimed last. Start-time fair queueing (Goyal et al. 1996): an account whose jobs
-- cost much has its next turn late, one that was idle has it now. The newest frames of streams come
-- before those, newest first: their turns are negative. What else a stream has waiting takes turns
-- like any account's jobs, and each turn goes to the first in the stream's line: frames from new to
-- old, then forecasts that are only compared. NEWEST: account of a stream -> job of its newest frame.
local ORDER, TURNS, TURN = 'echocast:order', 'echocast:turns', 'echocast:turn'
local NEWEST = 'echocast:newest'
local DONE, WORKERS, FRAMES = 'echocast:done', 'echocast:workers', 'echocast:frames'

local function job_key(id) return 'echocast:job:' .. id end
local function scorer_key(id) return 'echocast:scorer:' .. id end
local function line_key(account) return 'echocast:line:' .. account end

local function clock()  -- of the engine, so that the clocks of the hosts don't matter
  local t = redis.call('TIME')
  return tonumber(t[1]) + tonumber(t[2]) / 1e6
end
local function exact(number) return string.format('%.6f', number) end

local function get(id, field) return redis.call('HGET', job_key(id), field) end
local function set(id, ...) redis.call('HSET', job_key(id), ...) end
local function whole(id) return redis.call('HGETALL', job_key(id)) end
local function hash_table(key)
  local flat, fields = redis.call('HGETALL', key), {}
  for i = 1, #flat, 2 do fields[flat[i]] = flat[i + 1] end
  return fields
end

local function is_waiting(status) return status == 'accepted' or status == 'queued' end
local function is_terminal(status)
  return status and not is_waiting(status) and status ~= 'running'
end
local function is_alive(status) return status and not is_terminal(status) end
local function is_claimed(id, claim)
  return get(id, 'status') == 'running' and get(id, 'claim') == claim
end

local function give_turn(id, turn)
  set(id, 'turn', turn)
  redis.call('ZADD', ORDER, turn, id)
end
local function take_ordinary_turn(id, account, charge, rank)
  local start = math.max(tonumber(redis.call('GET', TURN) or 0),
    tonumber(redis.call('HGET', TURNS, account) or 0))
  redis.call('HSET', TURNS, account, exact(start + charge))
  give_turn(id, exact(start))
  if rank ~= '' then redis.call('ZADD', line_key(account), rank, id) end
end
local function leave_order(id)
  redis.call('ZREM', ORDER, id)
  redis.call('ZREM', line_key(get(id, 'account') or ''), id)
end
local function line_up(id)  -- a job that had its turn, or was accepted by another version
  local turn = math.min(-1, tonumber(get(id, 'turn') or 0))
  redis.call('ZADD', ORDER, 'NX', turn, id)
end
local function wait_again(id, status)
  redis.call('ZREM', RUNNING, id)
  redis.call('ZADD', WAITING, exact(clock()), id)
  line_up(id)
  set(id, 'status', status, 'claim', '')
end
local function finish(id, status, ttl)
  redis.call('ZREM', WAITING, id)
  leave_order(id)
  redis.call('ZREM', RUNNING, id)
  set(id, 'status', status, 'claim', '', 'finished', exact(clock()))
  redis.call('EXPIRE', job_key(id), ttl)
  redis.call('PUBLISH', DONE, cjson.encode({id = id, status = status}))
end
local function is_before(id, rank)  -- whether a job has a turn, and its frame is newer
  return redis.call('ZSCORE', ORDER, id) and tonumber(get(id, 'rank')) < tonumber(rank)
end
local function step_back(id, account, longest, ttl)  -- there is a newer frame of its stream
  if redis.call('ZSCORE', ORDER, id) ~= get(id, 'rank') then return end
  take_ordinary_turn(id, account, get(id, 'charge'), get(id, 'rank'))
  if redis.call('ZCARD', line_key(account)) <= longest then return end
  local last = redis.call('ZRANGE', line_key(account), -1, -1)[1]
  finish(last, 'cancelled', ttl)
  return last
end
local function take_turn(id, account, charge, rank, newest, longest, ttl)  -- the job it ended
  set(id, 'account', account)
  if rank ~= '' then set(id, 'charge', charge, 'rank', rank) end
  local before = newest and redis.call('HGET', NEWEST, account)
  if not newest or before and is_before(before, rank) then
    take_ordinary_turn(id, account, charge, rank)
    return
  end
  local ended = before and before ~= id and step_back(before, account, longest, ttl)
  redis.call('HSET', NEWEST, account, id)
  give_turn(id, rank)
  return ended
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
local function extend_ttl(id, ttl)
  if is_terminal(get(id, 'status')) then redis.call('EXPIRE', job_key(id), ttl) end
end

local function add_observation(id, sha)
  local known = get(id, 'observations') or ''
  if sha == '' or string.find(known, sha, 1, true) then return end
  set(id, 'observations', known == '' and sha or known .. ' ' .. sha)
  if get(id, 'status') == 'succeeded' then
    redis.call('ZADD', VERIFYING, exact(clock()), id)
  end
end
local function is_unscored(id)
  return redis.call('ZSCORE', VERIFYING, id) and 1 or 0
end

local function add_holder(id, caller)
  redis.call('HINCRBY', job_key(id), 'holders', 1)
  redis.call('HINCRBY', job_key(id), 'held:' .. caller, 1)
end
local function remove_holder(id, caller)  -- true: it was the last one
  if tonumber(get(id, 'held:' .. caller) or 0) < 1 then return false end
  redis.call('HINCRBY', job_key(id), 'held:' .. caller, -1)
  return redis.call('HINCRBY', job_key(id), 'holders', -1) == 0
end

-- The engine's clock may jump, and the engine may be away. Workers and gateways run a script every
-- few seconds; where the clock went back, or none ran for a minute, what waits and what runs moves
-- along, as if that time had not passed.
local LAST_TIME, LONGEST_SILENCE = 'echocast:time', 60  -- seconds

local function move_times(seconds)
  for _, index in ipairs({WAITING, RUNNING}) do
    for _, id in ipairs(redis.call('ZRANGE', index, 0, -1)) do
      local deadline = get(id, 'deadline')
      if deadline then set(id, 'deadline', exact(deadline + seconds)) end
    end
  end
  for _, index in ipairs({WAITING, RUNNING, VERIFYING}) do
    for _, id in ipairs(redis.call('ZRANGE', index, 0, -1)) do
      redis.call('ZINCRBY', index, exact(seconds), id)
    end
  end
  for name, beat in pairs(hash_table(WORKERS)) do
    local good_until, description = string.match(beat, '^(%S+) (.*)$')
    redis.call('HSET', WORKERS, name, exact(good_until + seconds) .. ' ' .. description)
  end
end

local function notice_jump()
  local now = clock()
  local passed = now - tonumber(redis.call('GET', LAST_TIME) or 0)
  if passed ~= now and (passed < -1 or passed > LONGEST_SILENCE) then move_times(passed) end
  if math.abs(passed) >= 1 then redis.call('SET', LAST_TIME, exact(now)) end
end
notice_jump()

