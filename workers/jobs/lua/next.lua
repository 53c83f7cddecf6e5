-- The waiting job whose turn it is. A message only wakes a worker up; that of a job which an older
-- version accepted says which job waits.
local named = ARGV[1]

-- The first of a stream's line, with the turn of the job whose turn it is.
local function first_in_line(id)
  local line = line_key(get(id, 'account') or '')
  local first = redis.call('ZSCORE', line, id) and redis.call('ZRANGE', line, 0, 0)[1] or id
  if first == id then return id end
  local turn, other = redis.call('ZSCORE', ORDER, id), redis.call('ZSCORE', ORDER, first)
  if not other or not is_waiting(get(first, 'status')) then
    redis.call('ZREM', line, first)
    return first_in_line(id)
  end
  give_turn(first, turn)
  give_turn(id, other)
  return first
end

if is_waiting(get(named, 'status')) then line_up(named) end
while true do
  local first = redis.call('ZRANGE', ORDER, 0, 0)[1]
  if not first then
    redis.call('DEL', TURNS, TURN, NEWEST)
    return {}
  end
  if is_waiting(get(first, 'status')) then return whole(first_in_line(first)) end
  leave_order(first)
end
