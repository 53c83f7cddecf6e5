-- A sign of life of a worker; workers that are silent for long are forgotten.
local incarnation = ARGV[1]
local description = ARGV[2]
local lease_seconds = tonumber(ARGV[3])

local now = clock()
for name, beat in pairs(hash_table(WORKERS)) do
  if tonumber(string.match(beat, '^%S+')) + 10 * lease_seconds < now then
    redis.call('HDEL', WORKERS, name)
  end
end
redis.call('HSET', WORKERS, incarnation, exact(now + lease_seconds) .. ' ' .. description)
