-- Accept a request: a new job, the job that is there already, or a refusal.
local id = ARGV[1]
local request = ARGV[2]
local observation = ARGV[3]
local token = ARGV[4]  -- of this call: the same call may come twice
local queue_limit = tonumber(ARGV[5])
local deadline_seconds = tonumber(ARGV[6])
local idempotency_key = ARGV[7] ~= '' and 'echocast:idempotency:' .. ARGV[7]
local body_sha = ARGV[8]
local idempotency_ttl = ARGV[9]
local ttl = ARGV[10]
local caller = ARGV[11]
local lost_generation = ARGV[12]  -- its forecast is gone
local account = ARGV[13]
local account_limit = tonumber(ARGV[14])  -- of waiting jobs; of a stream, of those in its line
local charge = tonumber(ARGV[15])
local rank = ARGV[16]  -- in the line of its stream, lowest first; empty: of no stream
local newest = ARGV[17] == '1'  -- its frame is the newest of the stream

local function account_is_full()
  if newest or redis.call('ZCARD', WAITING) < account_limit then return false end
  if rank ~= '' then return redis.call('ZCARD', line_key(account)) >= account_limit end
  local own = 0
  for _, other in ipairs(redis.call('ZRANGE', WAITING, 0, -1)) do
    if get(other, 'account') == account then own = own + 1 end
  end
  return own >= account_limit
end

local earlier = idempotency_key and redis.call('GET', idempotency_key)
if earlier then
  local body, other = string.match(earlier, '^(%S*) (%S+)$')
  if body ~= body_sha then return {'conflict', 0, {}, {}} end
  if redis.call('EXISTS', job_key(other)) == 1 and get(other, 'generation') ~= lost_generation then
    extend_ttl(other, ttl)
    local outcome = get(other, 'token') == token and 'created' or 'existing'
    return {outcome, is_unscored(other), whole(other), {}}
  end
end
local status = get(id, 'status')
local outcome, dropped = 'existing', false
if status and get(id, 'token') == token then
  outcome = 'created'
elseif status == 'succeeded' and get(id, 'generation') ~= lost_generation or is_alive(status) then
  add_holder(id, caller)
  add_observation(id, observation)
  extend_ttl(id, ttl)
else
  if redis.call('ZCARD', WAITING) >= queue_limit then return {'full', 0, {}, {}} end
  if account_is_full() then return {'account-full', 0, {}, {}} end
  local generation = tonumber(get(id, 'generation') or 0) + 1
  local now = clock()
  local before = hash_table(job_key(id))
  redis.call('DEL', job_key(id))
  for field in pairs(before) do  -- who asked before may still see it
    if string.sub(field, 1, 5) == 'held:' then set(id, field, 0) end
  end
  redis.call('ZREM', VERIFYING, id)
  set(id, 'id', id, 'status', 'accepted', 'generation', generation, 'holders', 0, 'attempts', 0,
    'request', request, 'observations', observation, 'token', token, 'created', exact(now),
    'deadline', exact(now + deadline_seconds))
  add_holder(id, caller)
  redis.call('ZADD', WAITING, exact(now), id)
  dropped = take_turn(id, account, charge, rank, newest, account_limit, ttl)
  outcome = 'created'
end
if idempotency_key then
  redis.call('SET', idempotency_key, body_sha .. ' ' .. id, 'EX', idempotency_ttl)
end
return {outcome, is_unscored(id), whole(id), dropped and whole(dropped) or {}}
