# words - what bash allocates for: words, arrays, associative arrays and substitutions. Reads lines
# on standard input and prints a count for each word that stands in them.
declare -A count
kept=()
while read -r line; do
  for word in $line; do count[$word]=$((${count[$word]:-0} + 1)); done
  kept+=("${line//field/f}" "${line^^}")
done
text="${kept[*]}"
echo "${#kept[@]} ${#text} ${#count[@]}"
for word in "${!count[@]}"; do echo "$word ${count[$word]}"; done
