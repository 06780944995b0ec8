# lines - text as input for the rows of real programs: awk -v lines=N -v form=text|xml|json.
# The same N, the same text.
function number(range) {
  seed = (seed * 16807) % 2147483647
  return seed % range
}

function show(i, key, kind, name) {
  if (form == "xml")
    printf "<item id=\"%d\" kind=\"%s\"><name>%s</name><price>%s</price></item>\n", i, kind,
      name, key
  else if (form == "json")
    printf "%s{\"id\":%d,\"kind\":\"%s\",\"name\":\"%s\",\"list\":[%s,%d]}\n",
      (i > 1 ? "," : ""), i, kind, name, key, i % 7
  else
    printf "%d %s %s the line %d\n", key, kind, name, i
}

BEGIN {
  seed = 11
  if (form == "xml") print "<list>"
  if (form == "json") print "["
  for (i = 1; i <= lines; i++) show(i, number(100003), "field" number(997), sprintf("%x", seed))
  if (form == "xml") print "</list>"
  if (form == "json") print "]"
}
