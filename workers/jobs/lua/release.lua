-- A caller needs the job no more; without any holder it is cancelled.
local id = ARGV[1]
local token = ARGV[2]  -- of this call: the same call may come twice
local ttl = ARGV[3]
local caller = ARGV[4]
local for_everybody = ARGV[5] == '1'

local status = get(id, 'status')
if not status then return {} end
if get(id, 'released_by') ~= token then
  set(id, 'released_by', token)
  local last = remove_holder(id, caller)
  if (last or for_everybody) and not is_terminal(status) then finish(id, 'cancelled', ttl) end
end
return whole(id)
