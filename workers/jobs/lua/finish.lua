-- End a claimed job, unless observations came that are not scored yet. From ARGV[7] on: fields and
-- values, in turns.
local id = ARGV[1]
local claim = ARGV[2]
local status = ARGV[3]
local ttl = ARGV[4]
local scored = ARGV[5]  -- observations
local scored_count = ARGV[6]

if not is_claimed(id, claim) then return {'lost', ''} end
local observations = get(id, 'observations')
if status == 'succeeded' and observations ~= scored then return {'observed', observations} end
set(id, 'verified', scored_count, unpack(ARGV, 7))
finish(id, status, ttl)
return {'finished', ''}
