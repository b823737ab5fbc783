"""What is kept of a scope, and how it is found."""

import os

# Ranking multiplies small matrices thousands of times an hour. Several threads for each would cost
# more than they save: they wait for the next one by keeping a processor busy. Numpy reads this when
# it is first imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
