-- The worker is short of something: the job waits for another attempt, unless it had them all.
local id = ARGV[1]
local claim = ARGV[2]
local maximum_attempts = tonumber(ARGV[3])
local alone = ARGV[4] == '1'

if not is_claimed(id, claim) then return 'lost' end
if tonumber(get(id, 'attempts')) >= maximum_attempts then return 'exhausted' end
set(id, 'incarnation', '')
if alone then set(id, 'solo', '1') end
wait_again(id, 'queued')
leave_order(id)  -- its turn comes when the janitor publishes it
return 'queued'
