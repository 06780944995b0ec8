# objects - what Ruby programs allocate for: strings, hashes, arrays, objects, regular expressions.
# Prints sums that depend on all of it.
$seed = 11

def number(limit)
  $seed = $seed * 16807 % 2147483647
  $seed % limit
end

Item = Struct.new(:id, :name, :tags, :parts)

items = Array.new(60_000) do |i|
  Item.new(i, "item number #{number(20_000)} of the list", ["tag#{number(90)}"] * (i % 4),
           { size: number(1000), text: "x" * number(120) })
end
groups = items.group_by(&:name)
puts groups.size, groups.values.map(&:size).max
sorted = items.sort_by { |item| [item.name, -item.parts[:size], item.id] }
puts sorted.first.id, sorted.last.id
text = sorted.map { |item| "#{item.id}: #{item.name} #{item.tags.join(',')} #{item.parts[:text]}" }
puts text.sum(&:length)
counts = Hash.new(0)
text.each { |line| line.scan(/\w+/) { |word| counts[word] += 1 } }
puts counts.size, counts.values.max
puts text.map { |line| line.gsub(/x+/) { |run| run.length.to_s } }.sum(&:length)
big = (1..1000).inject(:*)
puts big.to_s.length
