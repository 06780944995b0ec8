# history - a git history for git fast-import: awk -v commits=N. Each commit rewrites one of forty
# files, so that there is much to compare. The same N, the same hashes.
BEGIN {
  seed = 7
  for (c = 1; c <= commits; c++) {
    printf "commit refs/heads/main\n"
    printf "committer C <c@example.org> %d +0000\ndata 9\nstep %04d\n", 1600000000 + c * 60, c
    seed = (seed * 16807) % 2147483647
    text = ""
    for (line = 1; line <= 150; line++)
      text = text "line " line " of " (line % (c % 40 + 2) ? line * 31 : c) "\n"
    printf "M 100644 inline dir%d/file%d.txt\ndata %d\n%s\n", c % 3, seed % 40, length(text), text
  }
}
