-- Add the counts of a pair (forecast, valid time) once; where its frame was replaced, the earlier
-- counts are taken back.
local pairs_key = ARGV[1]
local sums_key = ARGV[2]
local totals_key = ARGV[3]
local pair = ARGV[4]
local earlier_frame = ARGV[5]
local frame = ARGV[6]
local earlier_counts = ARGV[7]  -- JSON
local counts = ARGV[8]  -- JSON
local pairs_ttl = ARGV[9]
local sums_ttl = ARGV[10]
local changes_key = ARGV[11]
local block = ARGV[12]
local summed_key = ARGV[13]

local known = redis.call('HGET', pairs_key, pair) or ''
if known == frame then return 'added' end
if known ~= earlier_frame then return 'known ' .. known end
local vectors_added = cjson.decode(counts)
add(sums_key, vectors_added, 1)
if known == '' then
  add(totals_key, vectors_added, 1)
else
  add(sums_key, cjson.decode(earlier_counts), -1)
  redis.call('HINCRBY', totals_key, 'corrections', 1)
end
redis.call('HSET', pairs_key, pair, frame)
redis.call('EXPIRE', pairs_key, pairs_ttl)
redis.call('EXPIRE', sums_key, sums_ttl)
local summed = redis.call('GET', summed_key)
if summed and block < summed then redis.call('SET', summed_key, block) end
redis.call('HSET', changes_key, block, redis.call('HINCRBY', changes_key, 'changes', 1))
return 'added'
