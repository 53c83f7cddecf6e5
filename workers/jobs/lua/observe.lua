-- An observation for a job that may still be scored; returns whether one is not scored yet.
local id = ARGV[1]
local observation = ARGV[2]
local ttl = ARGV[3]

local status = get(id, 'status')
if not status then return {0, {}} end
if status == 'succeeded' or not is_terminal(status) then add_observation(id, observation) end
extend_ttl(id, ttl)
return {is_unscored(id), whole(id)}
