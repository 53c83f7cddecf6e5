-- Renew leases; returns the claims that are lost. From ARGV[2] on: job id and claim, in turns.
local lease_seconds = tonumber(ARGV[1])

local lease_end, lost = exact(clock() + lease_seconds), {}
for i = 2, #ARGV, 2 do
  local id, claim = ARGV[i], ARGV[i + 1]
  if is_claimed(id, claim) then
    redis.call('ZADD', RUNNING, lease_end, id)
  else
    lost[#lost + 1] = claim
  end
end
return lost
