-- Add the sums of hours to those of their six hours and forget the hours; they stay as long as the
-- hours would have. Returns the first block whose hours may still be separate. From ARGV[5] on: the
-- hours' keys.
local block_key = ARGV[1]
local summed_key = ARGV[2]
local block = ARGV[3]
local next_block = ARGV[4]

local ttl, sums = redis.call('TTL', block_key), {}
for k = 5, #ARGV do
  local values = redis.call('HGETALL', ARGV[k])
  for i = 1, #values, 2 do
    local sum = sums[values[i]] or {}
    for j, number in ipairs(numbers(values[i + 1])) do sum[j] = (sum[j] or 0) + number end
    sums[values[i]] = sum
  end
  ttl = math.max(ttl, redis.call('TTL', ARGV[k]))
  redis.call('DEL', ARGV[k])
end
add(block_key, sums, 1)
if ttl > 0 then redis.call('EXPIRE', block_key, ttl) end
local summed = redis.call('GET', summed_key)
if summed and summed ~= block then return summed end
redis.call('SET', summed_key, next_block)
return next_block
