-- The lock for a trainer; returns its number, 0 where another trainer has it.
local trainer = ARGV[1]
local given_number = tonumber(ARGV[2])  -- was given to a lock before, as the registry knows
local lease_milliseconds = ARGV[3]

local lock = redis.call('GET', LOCK)
if lock then
  local number, name = string.match(lock, '^(%d+) (.*)$')
  return name == trainer and tonumber(number) or 0
end
local last = math.max(tonumber(redis.call('GET', NUMBER) or 0), given_number)
local number = string.format('%d', last + 1)
redis.call('SET', NUMBER, number)
redis.call('SET', LOCK, number .. ' ' .. trainer, 'PX', lease_milliseconds)
redis.call('HINCRBY', STATE, 'attempts', 1)
return last + 1
