<?php
// objects - what PHP programs allocate for: arrays, strings, objects, json. Prints sums that depend
// on all of it. To be run with USE_ZEND_ALLOC=0, so that each allocation is one of malloc.
ini_set("memory_limit", "-1");
$seed = 11;

function number($limit) {
  global $seed;
  $seed = $seed * 16807 % 2147483647;
  return $seed % $limit;
}

class Item {
  public $tags = [];
  public function __construct(public int $id, public string $name, public string $text) {}
}

$items = [];
for ($i = 0; $i < 120000; $i++) {
  $item = new Item($i, "name " . number(20000), str_repeat("x", number(100)));
  for ($t = 0; $t < $i % 4; $t++) $item->tags[] = "tag" . number(90);
  $items[] = $item;
}
$groups = [];
foreach ($items as $item) $groups[$item->name][] = $item;
usort($items, fn($a, $b) => [$a->name, $a->id] <=> [$b->name, $b->id]);
echo count($groups), " ", $items[0]->id, "\n";
$json = json_encode($items);
$back = json_decode($json, true);
echo strlen($json), " ", count($back), "\n";
$counts = [];
foreach ($back as $record)
  foreach (explode(" ", $record["name"] . " " . implode(" ", $record["tags"])) as $word)
    $counts[$word] = ($counts[$word] ?? 0) + 1;
echo count($counts), " ", max($counts), "\n";
echo strlen(preg_replace_callback("/x+/", fn($m) => strlen($m[0]), $json)), "\n";
