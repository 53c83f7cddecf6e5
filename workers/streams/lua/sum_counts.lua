-- The sum of each named vector over all keys, '' where there is none. From ARGV[2] on: the keys,
-- then the names.
local key_count = tonumber(ARGV[1])

local last, sums = key_count + 1, {}
for k = 2, last do
  for n, text in ipairs(redis.call('HMGET', ARGV[k], unpack(ARGV, last + 1))) do
    if text then
      sums[n] = sums[n] or {}
      for i, number in ipairs(numbers(text)) do sums[n][i] = (sums[n][i] or 0) + number end
    end
  end
end
local texts = {}
for n = 1, #ARGV - last do
  local written = {}
  for i, number in ipairs(sums[n] or {}) do written[i] = string.format('%.0f', number) end
  texts[n] = table.concat(written, ' ')
end
return texts
