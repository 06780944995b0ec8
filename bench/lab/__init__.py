"""lab - the parts of bench/run: who competes, what is measured, how, and what is reported."""
