-- The waiting job whose turn it is. A message only wakes a worker up; that of a job which an older
-- version accepted says which job waits.
local named = ARGV[1]

if is_waiting(get(named, 'status')) then line_up(named) end
while true do
  local first = redis.call('ZRANGE', ORDER, 0, 0)[1]
  if not first then
    redis.call('DEL', TURNS, TURN)
    return {}
  end
  if is_waiting(get(first, 'status')) then return whole(first) end
  redis.call('ZREM', ORDER, first)
end
