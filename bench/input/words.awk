# words - what awk allocates for: fields, strings, associative arrays, substitutions. Reads lines
# and prints sums that depend on all of them.
{
  for (i = 1; i <= NF; i++) count[$i]++
  line[NR] = $0
  gsub(/[0-9]+/, "<&>")
  total += length($0)
  group[$2] = group[$2] "," $1
  pairs[$2, $1 % 100]++
}
END {
  for (word in count) if (count[word] > most) most = count[word]
  for (name in group) n += split(group[name], part, ",")
  for (pair in pairs) kinds++
  for (i = 1; i <= NR; i++) sum += length(substr(line[i], 3) "-" i)
  print total, most, n, kinds, sum
}
