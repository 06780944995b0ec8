# words - strings, hashes, sorts, closures, regular expressions and, where perl has them, threads.
# It prints sums that depend on every step but on no address and no hash order.
use strict;
use warnings;
use Config;

my $state = 42;

sub number {
  $state = ($state * 1103515245 + 12345) % 2147483648;
  return int($state / 65536) % $_[0];
}

sub word { join '', map { chr(97 + number(26)) } 1 .. 1 + number($_[0]) }

sub checksum { unpack('%32C*', join("\0", @_)) }

# A hash of lists of words, grown and thinned out.
my %lists;
for my $i (1 .. 60_000) {
  push @{ $lists{ word(3) } }, word(30) . $i;
  delete $lists{ word(2) } if $i % 7 == 0;
}
my @keys = sort { @{ $lists{$b} } <=> @{ $lists{$a} } || $a cmp $b } keys %lists;
printf "lists %d first %s\n", scalar @keys, join(' ', @keys[0 .. 5]);
printf "words %d\n", checksum(map { @{ $lists{$_} } } @keys);

# One long string, grown, cut and rewritten.
my $text = '';
$text .= word(12) . (number(9) ? ' ' : "\n") for 1 .. 80_000;
(my $swapped = $text) =~ s/(\w+) (\w+)/$2 \u$1/g;
$swapped =~ tr/a-m/A-M/;
my %count;
$count{ lc $1 }++ while $swapped =~ /(\w{2,4})\b/g;
printf "text %d %d, %d endings\n", length $swapped, checksum($swapped), scalar keys %count;

# Objects in a tree, with closures and a sort by several keys.
sub tree { my ($depth) = @_; +{ name => word(8), sub => [ map { tree($depth - 1) } 1 .. $depth ] } }
sub walk { my ($node, $visit) = @_; $visit->($node); walk($_, $visit) for @{ $node->{sub} } }
my $root = tree(8);
my @names;
walk($root, sub { push @names, $_[0]{name} });
my @ranked = map { $_->[0] } sort { $a->[1] <=> $b->[1] or $a->[0] cmp $b->[0] }
  map { [ $_, length $_ ] } @names;
printf "tree %d %s %d\n", scalar @ranked, $ranked[-1], checksum(@ranked);
printf "split %d\n", scalar(grep { length > 5 } split /\s+/, $text);

# Threads: each interpreter clones all of the above, works, and gives back a string.
if ($Config{usethreads}) {
  require threads;
  my @threads = map {
    my $id = $_;
    threads->create(sub {
      my @mine = map { "$id $_ " . reverse $_ } @ranked[0 .. 20_000];
      return checksum(sort @mine);
    });
  } 1 .. 4;
  printf "thread %d\n", $_->join for @threads;
}
