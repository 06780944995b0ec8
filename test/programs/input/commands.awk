# commands - redis commands that build strings, lists, hashes, sets, sorted sets and streams of many
# sizes, and that grow, shrink and remove them.
BEGIN {
  text = sprintf("%2000s", "")
  gsub(/ /, "v", text)
  for (i = 0; i < 30000; i++) {
    printf "SET key:%d %s\r\n", i % 20000, substr(text, 1, 1 + i * 37 % 900)
    printf "HSET hash:%d field%d %s\r\n", i % 100, i % 700, substr(text, 1, 1 + i % 90)
    printf "ZADD rank:%d %d member%d\r\n", i % 20, i * 7919 % 10007, i % 3000
    printf "RPUSH list:%d %s\r\n", i % 50, substr(text, 1, 1 + i % 300)
    printf "SADD set:%d %d\r\n", i % 30, i % 1000
    if (i % 3 == 0) printf "APPEND long:%d %s\r\n", i % 10, text
    if (i % 5 == 0) printf "DEL key:%d\r\n", i * 31 % 20000
    if (i % 4 == 0) printf "LPOP list:%d\r\n", i % 50
    if (i % 10 == 0) printf "XADD stream %d-1 name %d\r\n", i + 1, i
  }
}
