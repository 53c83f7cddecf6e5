-- Give the lock back; 0 where it was lost.
local lock = ARGV[1]
local done_request = ARGV[2]  -- empty: none is done
local attempt_counts = ARGV[3] ~= '1'

if redis.call('GET', LOCK) ~= lock then return 0 end
redis.call('DEL', LOCK)
if not attempt_counts then redis.call('HINCRBY', STATE, 'attempts', -1) end
if redis.call('HGET', STATE, 'wanted') == done_request then
  redis.call('HDEL', STATE, 'wanted', 'attempts')
end
return 1
