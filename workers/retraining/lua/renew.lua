-- Keep the lock; 0 where it is lost.
local lock = ARGV[1]
local lease_milliseconds = ARGV[2]

if redis.call('GET', LOCK) ~= lock then return 0 end
redis.call('PEXPIRE', LOCK, lease_milliseconds)
return 1
