-- Ask for a retraining; 1 where this request is the current one.
local request = ARGV[1]

if redis.call('HSETNX', STATE, 'wanted', request) == 1 then
  redis.call('HSET', STATE, 'attempts', 0)
  return 1
end
return redis.call('HGET', STATE, 'wanted') == request and 1 or 0
