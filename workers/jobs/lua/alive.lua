-- Descriptions of the workers whose last sign of life is still good.
local now, alive = clock(), {}
for _, beat in pairs(hash_table(WORKERS)) do
  local good_until, description = string.match(beat, '^(%S+) (.*)$')
  if tonumber(good_until) >= now then alive[#alive + 1] = description end
end
return alive
