-- objects - what Lua programs allocate for: tables, strings, closures, and string buffers. Prints
-- sums that depend on all of it.
local seed = 11

local function number(limit)
  seed = seed * 16807 % 2147483647
  return seed % limit
end

local items, groups = {}, {}
for i = 1, 100000 do
  local item = { id = i, name = "name " .. number(20000), tags = {}, size = number(1000) }
  for t = 1, i % 4 do item.tags[t] = "tag" .. number(90) end
  item.show = function() return item.name .. ":" .. item.id end
  items[i] = item
  groups[item.name] = groups[item.name] or {}
  table.insert(groups[item.name], item)
end
table.sort(items, function(a, b)
  if a.name ~= b.name then return a.name < b.name end
  return a.id < b.id
end)
print(items[1].id, items[#items].id)

local lines = {}
for i, item in ipairs(items) do
  lines[i] = item.show() .. " " .. table.concat(item.tags, ",") .. string.rep("x", item.size % 60)
end
local text = table.concat(lines, "\n")
print(#text)

local counts, words = {}, 0
for word in text:gmatch("%w+") do
  if not counts[word] then words = words + 1 end
  counts[word] = (counts[word] or 0) + 1
end
print(words, counts["name"])
print(#text:gsub("x+", function(run) return tostring(#run) end))
