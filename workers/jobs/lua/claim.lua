-- Give a waiting job to a worker.
local id = ARGV[1]
local claim = ARGV[2]
local incarnation = ARGV[3]
local lease_seconds = tonumber(ARGV[4])
local alone = ARGV[5] == '1'
local ttl = ARGV[6]

if not is_waiting(get(id, 'status')) then return {'taken', {}} end
if tonumber(get(id, 'deadline')) < clock() then
  expire(id, ttl)
  return {'expired', whole(id)}
end
if get(id, 'solo') == '1' and not alone then return {'alone', {}} end
if get(id, 'incarnation') ~= incarnation then redis.call('HINCRBY', job_key(id), 'attempts', 1) end
local now = clock()
set(id, 'status', 'running', 'claim', claim, 'incarnation', incarnation, 'started', exact(now))
redis.call('ZREM', WAITING, id)
leave_order(id)
local turn = tonumber(get(id, 'turn') or 0)
if turn > tonumber(redis.call('GET', TURN) or 0) then redis.call('SET', TURN, exact(turn)) end
redis.call('ZADD', RUNNING, exact(now + lease_seconds), id)
return {'claimed', whole(id)}
