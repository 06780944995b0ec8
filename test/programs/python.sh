#!/bin/bash
# python3 on a part of its own test suite, each of its objects through malloc: the verdict of every
# test case must be the same. The tests that mostly sleep or
# compute without allocating are left out.
. "$(dirname "$0")/lib.sh"

what="python3 on its own tests"
need python3 python3 "$what"
for candidate in /usr/bin/python3 "$(python3 -c 'import sys; print(sys.executable)')"; do
  "$candidate" -c 'import test.test_dict, test.test_json' 2>/dev/null && export python=$candidate
done
if [[ -z ${python:-} ]]; then
  skip "$what" "python3 has no tests (Debian package libpython3-testsuite)"
  exit 0
fi
open_work "$what"
export PYTHONMALLOC=malloc PYTHONHASHSEED=1 PYTHONDONTWRITEBYTECODE=1
export modules="test_dict test_list test_set test_bytes test_unicode test_json test_re test_gc
  test_threading test_subprocess test_pickle test_weakref test_ctypes test_ast"
export idle="*[tT]imeout* *_dead *NoPoll* *BarrierTests* *JoinOnShutdown* *_deadlock*
  test_communicate_repeated_call_after_stdout_close test_import_from_another_thread
  test_swap_std_fds_with_one_closed test_pass_fds test_join_nondaemon_on_shutdown
  test_ast_recursion_limit test_hash_effectiveness *periodic_pattern* PyPicklerUnpickler*"

# One line per test case: its name and its verdict, from the suite's own report.
cat >"$work/verdicts.py" <<'PYTHON'
import sys
import xml.etree.ElementTree as tree

cases = []
for case in tree.parse(sys.argv[1]).getroot().iter("testcase"):
    verdict = [child.tag for child in case if child.tag in ("failure", "error", "skipped")]
    cases.append("%s %s" % (case.get("name"), verdict or "passed"))
print("\n".join(sorted(cases)))
if len(cases) < 1000:
    sys.exit("only %d test cases ran" % len(cases))
PYTHON

workload() {
  local ignore=() pattern
  set -f
  for pattern in $idle; do ignore+=(-i "$pattern"); done
  # A test that fails is a verdict to compare, not the end of the run; a signal is.
  "$python" -m test --tempdir="$PWD/scratch" --junit-xml="$PWD/report.xml" "${ignore[@]}" \
    $modules >"$work/suite.log" 2>&1 || (($? < 128))
  "$python" "$work/verdicts.py" report.xml
  rm -rf scratch report.xml
}

# Statistics on standard error would fail the tests that look at a child's standard error.
counted() {
  "$python" -m test --tempdir="$PWD/scratch" test_dict test_list test_json
}
export -f workload counted

real_program "$what" python workload counted
finish
