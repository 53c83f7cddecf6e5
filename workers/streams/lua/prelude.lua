-- Vectors of counts are stored as numbers with spaces between them.
local function numbers(text)
  local vector = {}
  for number in string.gmatch(text or '', '%S+') do vector[#vector + 1] = tonumber(number) end
  return vector
end

local function add(key, vectors, sign)
  for name, vector in pairs(vectors) do
    local sum = numbers(redis.call('HGET', key, name))
    for j, number in ipairs(vector) do
      sum[j] = string.format('%.0f', (sum[j] or 0) + sign * number)
    end
    redis.call('HSET', key, name, table.concat(sum, ' '))
  end
end

